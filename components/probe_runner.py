"""Runs probes against a cluster; each gives the evidence that it saw, or the reason it did not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError

from tools.errors import Problem, ProblemError

PAUSE = 1.0
"""Seconds between two looks at the cluster."""

# What a cluster that is still starting answers with: worth another look, never an end.
PASSING = (
    ApiException,
    DynamicApiError,
    ResourceNotFoundError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)


@dataclass(frozen=True)
class Outcome:
    """What one look at the cluster showed; ``evidence`` says what was seen either way."""

    held: bool
    evidence: str


def api(kubeconfig: str) -> client.ApiClient:
    """Return a client for the text of a kubeconfig, never for an ambient context."""
    return config.new_client_from_config_dict(yaml.safe_load(kubeconfig))


def await_all(kubeconfig: str, probes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Run probes in order, each until it holds; return the evidence by claim.

    Raises ProblemError (CNAI-ADDON-003) when one does not hold within its timeout.
    """
    evidence: dict[str, str] = {}
    with api(kubeconfig) as connection:
        for probe in probes:
            evidence[probe["claim"]] = _await(connection, probe)
    return evidence


def _await(connection: client.ApiClient, probe: Mapping[str, Any]) -> str:
    if probe["kind"] == "completes":
        return _complete(connection, probe)
    seen = _until(lambda: _look(connection, probe), probe["timeout"])
    if not seen.held:
        raise ProblemError(_not_held(probe, seen.evidence))
    return seen.evidence


def _until(look: Callable[[], Outcome], timeout: float) -> Outcome:
    end = time.monotonic() + timeout
    seen = look()
    while not seen.held and time.monotonic() < end:
        time.sleep(PAUSE)
        seen = look()
    return seen


def _look(connection: client.ApiClient, probe: Mapping[str, Any]) -> Outcome:
    try:
        return _LOOKS[probe["kind"]](connection, probe["args"])
    except PASSING as error:
        return Outcome(False, _short(error))


def _short(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or type(error).__name__
    body = str(getattr(error, "body", "") or error)
    return f"{reason}: {' '.join(body.split())[:300]}"


def _available(connection: client.ApiClient, args: Mapping[str, Any]) -> Outcome:
    found = _resource(connection, "apps/v1", args["kind"]).get(
        name=args["name"], namespace=args["namespace"]
    )
    status = found.status.to_dict() if found.status else {}
    if args["kind"] == "DaemonSet":
        want, have = status.get("desiredNumberScheduled"), status.get("numberReady", 0)
    else:
        want, have = found.spec.replicas, status.get("readyReplicas", 0)
    current = status.get("observedGeneration") == found.metadata.generation
    return Outcome(bool(current and want is not None and have >= want), f"{have}/{want} ready")


def _condition(connection: client.ApiClient, args: Mapping[str, Any]) -> Outcome:
    found = _resource(connection, args["api_version"], args["kind"]).get(
        name=args["name"], namespace=args["namespace"]
    )
    return _has(found.to_dict(), args["type"])


def _has(found: Mapping[str, Any], type_: str) -> Outcome:
    """Look for a condition; while it does not hold, all conditions are told."""
    conditions = (found.get("status") or {}).get("conditions") or []
    told = {c["type"]: f"{c['type']}={c['status']} {c.get('message') or ''}" for c in conditions}
    if any(c["type"] == type_ and c["status"] == "True" for c in conditions):
        return Outcome(True, told[type_].strip())
    return Outcome(False, "; ".join(told.values()) or "no condition yet")


def _accepted(connection: client.ApiClient, args: Mapping[str, Any]) -> Outcome:
    try:
        _show(connection, args["manifest"])
    except DynamicApiError as error:
        # Admission comes before storage: what is only there already has passed the webhooks.
        if error.status != 409:  # noqa: PLR2004
            raise
    return Outcome(True, "accepted by a dry run")


def _refused(connection: client.ApiClient, args: Mapping[str, Any]) -> Outcome:
    try:
        _show(connection, args["manifest"])
    except DynamicApiError as error:
        # Refused for another reason is another thing: the text tells them apart.
        return Outcome(args["contains"] in str(error.body), _short(error))
    return Outcome(False, "accepted by a dry run")


def _show(connection: client.ApiClient, manifest: Mapping[str, Any]) -> None:
    """Let the API server, with all its webhooks, decide on an object that is not stored."""
    _resource(connection, manifest["apiVersion"], manifest["kind"]).create(
        body=manifest,
        namespace=manifest["metadata"].get("namespace"),
        query_params=[("dryRun", "All")],
    )


def _answers(connection: client.ApiClient, args: Mapping[str, Any]) -> Outcome:
    path = (
        f"/api/v1/namespaces/{args['namespace']}/services/{args['service']}:{args['port']}"
        f"/proxy{args['path']}"
    )
    body = get(connection, path)
    return Outcome(args["contains"] in body, f"200, {len(body)} characters")


def get(connection: client.ApiClient, path: str) -> str:
    """Return what the API server answers to a GET; raises ApiException unless it is a 2xx."""
    answer = connection.call_api(path, "GET", auth_settings=["BearerToken"], _preload_content=False)
    response = answer[0] if isinstance(answer, tuple) else answer
    return bytes(response.data).decode(errors="replace")


def _complete(connection: client.ApiClient, probe: Mapping[str, Any]) -> str:
    manifest, type_ = probe["args"]["manifest"], probe["args"]["type"]
    name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace")
    where = {"name": name, "namespace": namespace}

    def created() -> Outcome:
        try:
            _resource(connection, manifest["apiVersion"], manifest["kind"]).create(
                body=manifest, namespace=namespace
            )
        except PASSING as error:
            # One that a killed run left behind may hold an old answer: it goes, and we try again.
            if getattr(error, "status", None) == 409:  # noqa: PLR2004
                _delete(connection, manifest)
            return Outcome(False, _short(error))
        return Outcome(True, "created")

    def done() -> Outcome:
        try:
            found = _resource(connection, manifest["apiVersion"], manifest["kind"]).get(**where)
        except PASSING as error:
            return Outcome(False, _short(error))
        return _has(found.to_dict(), type_)

    try:
        started = time.monotonic()
        seen = _until(created, probe["timeout"])
        if seen.held:
            seen = _until(done, probe["timeout"])
        if not seen.held:
            raise ProblemError(_not_held(probe, seen.evidence))
        return f"{type_} after {time.monotonic() - started:.0f} s"
    finally:
        _delete(connection, manifest)


def _delete(connection: client.ApiClient, manifest: Mapping[str, Any]) -> None:
    metadata = manifest["metadata"]
    resource = _resource(connection, manifest["apiVersion"], manifest["kind"])
    where = {"name": metadata["name"], "namespace": metadata.get("namespace")}

    def gone() -> Outcome:
        try:
            resource.delete(**where, body={"propagationPolicy": "Background"})
        except PASSING as error:
            return Outcome(getattr(error, "status", None) == 404, _short(error))  # noqa: PLR2004
        return Outcome(False, "still there")

    _until(gone, 60)


def _resource(connection: client.ApiClient, api_version: str, kind: str) -> Any:
    return DynamicClient(connection).resources.get(api_version=api_version, kind=kind)


def _not_held(probe: Mapping[str, Any], evidence: str) -> Problem:
    return Problem(
        id="CNAI-ADDON-003",
        what=f"not true after {probe['timeout']} s: {probe['claim']}",
        why=f"last seen: {evidence}",
        fix="look at the pods and events of that namespace, then run the same command again",
        exit_code=9,
    )


_LOOKS: dict[str, Callable[[client.ApiClient, Mapping[str, Any]], Outcome]] = {
    "available": _available,
    "condition": _condition,
    "accepted": _accepted,
    "refused": _refused,
    "answers": _answers,
}
