"""Runs probes against a cluster; each gives the evidence that it saw, or the reason it did not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from components.api_server import CONNECTIONS, PASSING, ApiServer
from components.looks import CONFLICT, LOOKS, Outcome, has_condition, look, short
from tools.errors import Problem, ProblemError

PAUSE = 1.0
"""Seconds between two looks at the cluster."""
MISSING = 404


def api(kubeconfig: str) -> Any:
    """Return a client for the text of a kubeconfig, never for an ambient context."""
    from kubernetes import config  # noqa: PLC0415  imports take a second

    return config.new_client_from_config_dict(yaml.safe_load(kubeconfig))


def get(connection: Any, path: str) -> str:
    """Return what the API server answers to a GET; raises ApiException unless it is a 2xx."""
    answer = connection.call_api(path, "GET", auth_settings=["BearerToken"], _preload_content=False)
    response = answer[0] if isinstance(answer, tuple) else answer
    return bytes(response.data).decode(errors="replace")


def await_all(kubeconfig: str, probes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Run probes in order, each until it holds; return the evidence by claim.

    Raises ProblemError (CNAI-ADDON-003) when one does not hold within its timeout.
    """
    server = ApiServer(kubeconfig)
    return {probe["claim"]: _await(server, probe) for probe in probes}


def look_all(server: ApiServer, probes: Sequence[Mapping[str, Any]]) -> list[Outcome | None]:
    """Look once for each probe, side by side; None for one that would have to create something."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(lambda p: look(server, p) if p["kind"] in LOOKS else None, probes))


def _await(server: ApiServer, probe: Mapping[str, Any]) -> str:
    if probe["kind"] not in LOOKS:
        return _complete(server, probe)
    seen = until(lambda: look(server, probe), probe["timeout"])
    if not seen.held:
        raise ProblemError(_not_held(probe, seen.evidence))
    return seen.evidence


def until(see: Callable[[], Outcome], timeout: float) -> Outcome:
    """Look until it holds, for at most so many seconds; return what was seen last."""
    end = time.monotonic() + timeout
    seen = see()
    while not seen.held and time.monotonic() < end:
        time.sleep(PAUSE)
        seen = see()
    return seen


def _complete(server: ApiServer, probe: Mapping[str, Any]) -> str:
    manifest, type_ = probe["args"]["manifest"], probe["args"]["type"]
    name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace")

    def created() -> Outcome:
        try:
            server.create(manifest)
        except PASSING as error:
            # One that a killed run left behind may hold an old answer: it goes, and we try again.
            if getattr(error, "status", None) == CONFLICT:
                remove(server, manifest)
            return Outcome(False, short(error))
        return Outcome(True, "created")

    def done() -> Outcome:
        try:
            found = server.find(manifest["apiVersion"], manifest["kind"], name, namespace)
        except PASSING as error:
            return Outcome(False, short(error))
        if (over := has_condition(found, "Failed")).held:
            # It will not come to that any more, however long one waits.
            raise ProblemError(_not_held(probe, over.evidence))
        return has_condition(found, type_)

    try:
        started = time.monotonic()
        seen = until(created, probe["timeout"])
        if seen.held:
            seen = until(done, probe["timeout"])
        if not seen.held:
            raise ProblemError(_not_held(probe, seen.evidence))
        return f"{type_} after {time.monotonic() - started:.0f} s"
    finally:
        remove(server, manifest)


def remove(server: ApiServer, manifest: Mapping[str, Any]) -> None:
    """Delete an object and wait, for at most a minute, until it is gone."""

    def gone() -> Outcome:
        try:
            server.delete(manifest)
        except PASSING as error:
            return Outcome(getattr(error, "status", None) == MISSING, short(error))
        return Outcome(False, "still there")

    until(gone, 60)


def _not_held(probe: Mapping[str, Any], evidence: str) -> Problem:
    return Problem(
        id="CNAI-ADDON-003",
        what=f"not true within {probe['timeout']} s: {probe['claim']}",
        why=f"last seen: {evidence}",
        fix="look at the pods and events of that namespace, then run the same command again",
        exit_code=9,
    )
