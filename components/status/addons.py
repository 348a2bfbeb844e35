"""How an addon is: wanted, installed, deployed, ready, in which words and since when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from components.labels import ADDON
from components.looks import counted, current
from components.status.observed import Listed, Observed
from components.status.pods import condition, lasting, moment, ready_since, trouble
from components.status.report import AddonStatus, Claim, Deployed, Health


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One addon as settings and state have it, and what was seen of its claims."""

    name: str
    title: str
    namespace: str
    want: str | None
    have: str | None
    urls: Mapping[str, str] = field(default_factory=dict)
    claims: Sequence[Claim] = ()


def addon_status(expected: Expected, seen: Observed) -> AddonStatus:
    """Return how an addon is."""
    workloads = _own(expected, seen.workloads)
    pods = lasting(_own(expected, seen.of("Pod")))
    counts = [counted(found["kind"], found) for found in workloads]
    deployed = Deployed(want=sum(w for w, _ in counts), have=sum(min(c) for c in counts))
    health, reason = _health(expected, seen, deployed, workloads, pods)
    return AddonStatus(
        name=expected.name,
        title=expected.title,
        namespace=expected.namespace,
        want=expected.want,
        have=expected.have,
        deployed=deployed,
        ready=health in ("ready", "outdated"),
        health=health,
        reason=reason,
        since=_since(health, expected, seen, workloads, pods),
        urls=dict(expected.urls),
        claims=list(expected.claims),
    )


def _own(expected: Expected, listed: Listed) -> Listed:
    """Pick what is the addon's: by its label, else by its namespace."""

    def of(found: Mapping[str, Any]) -> bool:
        metadata = found["metadata"]
        label = (metadata.get("labels") or {}).get(ADDON)
        return bool(
            label == expected.name if label else metadata.get("namespace") == expected.namespace
        )

    return [found for found in listed if of(found)]


def _health(
    expected: Expected, seen: Observed, deployed: Deployed, workloads: Listed, pods: Sequence[Any]
) -> tuple[Health, str | None]:
    if expected.want is None:
        return "left over", "the settings do not want it: `cnai up` takes it away"
    if _namespace(expected, seen) is None:
        return "absent", f"there is no namespace {expected.namespace}"
    behind = [found for found in workloads if not _whole(found)]
    if behind:
        return "not deployed", _why(behind, pods)
    if failed := [claim for claim in expected.claims if claim.held is False]:
        return "not ready", f"{failed[0].claim}: no; {failed[0].evidence}"
    if expected.have is None:
        return "not ready", "its installation was never finished"
    if expected.have != expected.want:
        return "outdated", f"{expected.have} runs, {expected.want} is wanted: `cnai up`"
    return "ready", None


def _whole(found: Mapping[str, Any]) -> bool:
    want, have = counted(found["kind"], found)
    return current(found) and have >= want


def _why(behind: Listed, pods: Sequence[Any]) -> str:
    told = []
    for found in behind:
        want, have = counted(found["kind"], found)
        told.append(f"{found['kind']} {found['metadata']['name']} {have}/{want}")
        refused = condition(found, "ReplicaFailure")
        if refused.get("status") == "True":
            told.append(str(refused.get("message", "")))
    told += [trouble(pod) for pod in pods if not ready_since(pod)[0]]
    return "; ".join(told)[:400]


def _since(
    health: Health, expected: Expected, seen: Observed, workloads: Listed, pods: Sequence[Any]
) -> datetime | None:
    """Return when the last pod became ready, or the first that is not ceased to be."""
    times = [(ready, since) for ready, since in map(ready_since, pods) if since]
    if health in ("ready", "outdated"):
        whole = [since for ready, since in times if ready]
        if not whole and (found := _namespace(expected, seen)):
            return moment(found["metadata"].get("creationTimestamp"))
        return max(whole, default=None)
    if health != "not deployed":
        return None
    broken = [since for ready, since in times if not ready]
    stopped = [condition(found, "Available") for found in workloads]
    broken += [
        since
        for c in stopped
        if c.get("status") == "False" and (since := moment(c.get("lastTransitionTime")))
    ]
    return min(broken, default=None)


def _namespace(expected: Expected, seen: Observed) -> Mapping[str, Any] | None:
    return next(
        (n for n in seen.of("Namespace") if n["metadata"]["name"] == expected.namespace), None
    )
