"""Probes: claims about a running platform, as plain data.

The same probes gate the next step of an installation, tell `cnai status` what is ready, and are
asserted by the live tests. "Deployed" is not "ready": ready means that a probe ran.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["available", "condition", "accepted", "refused", "completes", "answers"]

DEFAULT_TIMEOUT = 300


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One claim. ``timeout`` is in seconds; ``args`` are those of the makers below."""

    claim: str
    kind: Kind
    args: dict[str, Any] = field(default_factory=dict)
    timeout: int = DEFAULT_TIMEOUT

    def data(self) -> dict[str, Any]:
        """Return the probe as plain data, the way that it is kept in the state of a stack."""
        return asdict(self)


def available(kind: str, namespace: str, name: str, *, timeout: int = DEFAULT_TIMEOUT) -> Probe:
    """Claim that all replicas of a Deployment, StatefulSet or DaemonSet are available."""
    return Probe(
        claim=f"{kind} {namespace}/{name} is available",
        kind="available",
        args={"kind": kind, "namespace": namespace, "name": name},
        timeout=timeout,
    )


def condition(
    api_version: str, kind: str, name: str, type_: str, *, namespace: str | None = None
) -> Probe:
    """Claim that an object has a condition of the given type with status ``True``."""
    return Probe(
        claim=f"{kind} {name} is {type_}",
        kind="condition",
        args={
            "api_version": api_version,
            "kind": kind,
            "name": name,
            "namespace": namespace,
            "type": type_,
        },
    )


def established(crd: str) -> Probe:
    """Claim that a CustomResourceDefinition is served."""
    return condition("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd, "Established")


def accepted(claim: str, manifest: dict[str, Any]) -> Probe:
    """Claim that the API server, with all its webhooks, would accept the object (dry run)."""
    return Probe(claim=claim, kind="accepted", args={"manifest": manifest})


def refused(claim: str, manifest: dict[str, Any], *, contains: str) -> Probe:
    """Claim that the API server would refuse the object (dry run), and say so with that text."""
    return Probe(claim=claim, kind="refused", args={"manifest": manifest, "contains": contains})


def completes(
    claim: str, manifest: dict[str, Any], *, type_: str = "Complete", timeout: int = DEFAULT_TIMEOUT
) -> Probe:
    """Claim that an object, once created, reaches a condition. It is deleted afterwards."""
    return Probe(
        claim=claim,
        kind="completes",
        args={"manifest": manifest, "type": type_},
        timeout=timeout,
    )


def answers(namespace: str, service: str, port: int, path: str, *, contains: str = "") -> Probe:
    """Claim that a Service answers a GET with 200 and, if given, a text within the body."""
    return Probe(
        claim=f"http://{service}.{namespace}:{port}{path} answers",
        kind="answers",
        args={
            "namespace": namespace,
            "service": service,
            "port": port,
            "path": path,
            "contains": contains,
        },
    )
