"""One look at a cluster for each kind of probe; it changes nothing and says what it saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.api_server import PASSING, ApiServer, RefusedError

CONFLICT = 409


@dataclass(frozen=True)
class Outcome:
    """What one look at the cluster showed; ``evidence`` says what was seen either way."""

    held: bool
    evidence: str


def look(server: ApiServer, probe: Mapping[str, Any]) -> Outcome:
    """Look once. What a cluster that is still starting answers is an outcome, never an error."""
    try:
        return LOOKS[probe["kind"]](server, probe["args"])
    except PASSING as error:
        return Outcome(False, short(error))


def short(error: BaseException) -> str:
    """Return what an answer says, in one line of at most 300 characters."""
    return " ".join(f"{error}".split())[:300] or type(error).__name__


def counted(kind: str, found: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many pods a workload wants, and how many of them are ready. Pure."""
    status = found.get("status") or {}
    if kind == "DaemonSet":
        return int(status.get("desiredNumberScheduled") or 0), int(status.get("numberReady") or 0)
    return int(found["spec"].get("replicas", 1)), int(status.get("readyReplicas") or 0)


def current(found: Mapping[str, Any]) -> bool:
    """Say whether the controller has seen what is wanted by now. Pure."""
    generation = (found.get("status") or {}).get("observedGeneration")
    return bool(generation == found["metadata"].get("generation"))


def has_condition(found: Mapping[str, Any], type_: str) -> Outcome:
    """Look for a condition; while it does not hold, all conditions are told. Pure."""
    conditions = (found.get("status") or {}).get("conditions") or []
    told = {c["type"]: f"{c['type']}={c['status']} {c.get('message') or ''}" for c in conditions}
    if any(c["type"] == type_ and c["status"] == "True" for c in conditions):
        return Outcome(True, told[type_].strip())
    return Outcome(False, "; ".join(told.values()) or "no condition yet")


def _available(server: ApiServer, args: Mapping[str, Any]) -> Outcome:
    found = server.find("apps/v1", args["kind"], args["name"], args["namespace"])
    want, have = counted(args["kind"], found)
    return Outcome(current(found) and have >= want, f"{have}/{want} ready")


def _condition(server: ApiServer, args: Mapping[str, Any]) -> Outcome:
    found = server.find(args["api_version"], args["kind"], args["name"], args["namespace"])
    return has_condition(found, args["type"])


def _accepted(server: ApiServer, args: Mapping[str, Any]) -> Outcome:
    try:
        server.create(args["manifest"], dry_run=True)
    except RefusedError as error:
        # Admission comes before storage: what is only there already has passed the webhooks.
        if error.status != CONFLICT:
            raise
    return Outcome(True, "accepted by a dry run")


def _answers(server: ApiServer, args: Mapping[str, Any]) -> Outcome:
    body = server.text(
        f"/api/v1/namespaces/{args['namespace']}/services/{args['service']}:{args['port']}"
        f"/proxy{args['path']}",
        accept="*/*",
    )
    return Outcome(args["contains"] in body, f"200, {len(body)} characters")


LOOKS: dict[str, Callable[[ApiServer, Mapping[str, Any]], Outcome]] = {
    "available": _available,
    "condition": _condition,
    "accepted": _accepted,
    "answers": _answers,
}
"""Every kind of probe that a look is enough for: all but those that create something."""
