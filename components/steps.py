"""Places objects step after step: the thin shell between plain manifests and Pulumi."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.base import Component
from components.ready import Ready

Manifest = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What objects are placed on: a cluster and its provider.

    ``cluster`` is the resource that the objects go with, where this stack has it.
    """

    provider: k8s.Provider
    kubeconfig: pulumi.Output[str]
    generation: pulumi.Output[str]
    cluster: pulumi.Resource | None = None


def namespace(name: str, *, privileged: bool = False, labels: Mapping[str, str] = {}) -> Manifest:
    """Return a namespace under the Pod Security Standard ``restricted`` unless privileged."""
    level = "privileged" if privileged else "restricted"
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"pod-security.kubernetes.io/enforce": level, **labels},
        },
    }


def logical(manifest: Manifest) -> str:
    """Return the name of an object within its addon; no stack and no cloud in it."""
    metadata = manifest["metadata"]
    parts = (manifest["kind"].lower(), metadata.get("namespace"), metadata["name"])
    return "/".join(part for part in parts if part)


def fingerprint(*parts: Any) -> str:
    """Return a short hash of plain data; outputs of Pulumi count by their place alone."""
    text = json.dumps(parts, sort_keys=True, default=lambda _: "output")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Steps(Component):
    """A component whose objects are placed in steps, each of which waits for the one before."""

    def __init__(
        self,
        name: str,
        props: dict[str, Any],
        ground: Ground,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the component; nothing is placed yet."""
        super().__init__(name, props, opts)
        self.ground, self.name = ground, name

    def bare(self, after: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        """Return the options of what speaks to the cluster by itself."""
        return self.child(deleted_with=self.ground.cluster, depends_on=list(after))

    def options(self, after: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        """Return the options of an object that the cluster's provider makes."""
        return self.child(
            provider=self.ground.provider,
            deleted_with=self.ground.cluster,
            depends_on=list(after),
        )

    def place(
        self, manifests: Sequence[Manifest], after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        """Make the objects and return them, or what was to wait for where there are none."""
        placed = [place(self.name, m, self.options(after)) for m in manifests]
        return [*placed] or list(after)

    def gate(
        self, name: str, probes: Sequence[Any], about: str, after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        """Wait until the probes hold; ``about`` is what they are to be asked again for."""
        if not probes:
            return list(after)
        gate = Ready(
            f"{self.name}/{name}",
            kubeconfig=self.ground.kubeconfig,
            generation=self.ground.generation,
            probes=probes,
            about=about,
            opts=self.bare(after),
        )
        return [gate]


def token(manifest: Manifest) -> str:
    """Return the type that the Kubernetes provider knows an object by; kinds of ours included."""
    api_version: str = manifest["apiVersion"]
    group = api_version if "/" in api_version else f"core/{api_version}"
    return f"kubernetes:{group}:{manifest['kind']}"


def place(prefix: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """Make one object from its manifest; what a Secret holds stays secret in the state."""
    if manifest["kind"] == "Secret":
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData"])
        opts = pulumi.ResourceOptions.merge(opts, hidden)
    return pulumi.CustomResource(token(manifest), f"{prefix}/{logical(manifest)}", manifest, opts)
