"""What the queues hold, change after change, in the order in which the API server kept them. Pure.

Statuses of queues are written one after the other: a sum over them mixes moments. Workloads are
read as a watch, whose order is that of the store, so every state that there ever was is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from components.quantities import amount

Key = tuple[str, str]
"""A flavor and a resource."""
Amounts = Mapping[Key, Decimal]
quantity = cache(amount)
KEPT = 20
"""States that were too much of which the particulars are kept."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A ClusterQueue by its own words; ``limit`` names what it may borrow, where that is bounded.

    ``used``, ``borrowed`` and ``pending`` are its status.
    """

    name: str
    nominal: Amounts
    limit: Amounts
    weight: Decimal
    used: Amounts
    borrowed: Amounts
    pending: int

    @property
    def most(self) -> dict[Key, Decimal]:
        """What it may ever use of what its borrowing is bounded for."""
        return {key: self.nominal[key] + more for key, more in self.limit.items()}


def queue(found: Mapping[str, Any]) -> Queue:
    """Read a ClusterQueue."""
    spec, status = found["spec"], found.get("status") or {}
    said = [
        ((flavor["name"], resource["name"]), resource)
        for group in spec.get("resourceGroups") or []
        for flavor in group["flavors"]
        for resource in flavor["resources"]
    ]
    told = [
        ((flavor["name"], resource["name"]), resource)
        for flavor in status.get("flavorsReservation") or []
        for resource in flavor.get("resources") or []
    ]
    return Queue(
        name=found["metadata"]["name"],
        nominal={key: quantity(r["nominalQuota"]) for key, r in said},
        limit={key: quantity(r["borrowingLimit"]) for key, r in said if "borrowingLimit" in r},
        weight=quantity((spec.get("fairSharing") or {}).get("weight", "1")),
        used={key: quantity(r.get("total", "0")) for key, r in told},
        borrowed={key: quantity(r.get("borrowed", "0")) for key, r in told},
        pending=int(status.get("pendingWorkloads") or 0),
    )


def whole(queues: Iterable[Queue]) -> dict[Key, Decimal]:
    """Return what all queues of a cohort are guaranteed together: the cohort has no more."""
    found: dict[Key, Decimal] = {}
    for one in queues:
        for key, of in one.nominal.items():
            found[key] = found.get(key, Decimal(0)) + of
    return found


def condition(workload: Mapping[str, Any], name: str) -> datetime | None:
    """Return when a condition became true; None while it is not."""
    for found in (workload.get("status") or {}).get("conditions") or []:
        if found["type"] == name and found["status"] == "True":
            return datetime.fromisoformat(found["lastTransitionTime"])
    return None


def held(workload: Mapping[str, Any]) -> dict[Key, Decimal]:
    """Return what a workload holds of its queue; pods that ended have given theirs back."""
    status = workload.get("status") or {}
    if condition(workload, "Finished") or not condition(workload, "QuotaReserved"):
        return {}
    ended = {of["name"]: int(of["count"]) for of in status.get("reclaimablePods") or []}
    found: dict[Key, Decimal] = {}
    for part in (status.get("admission") or {}).get("podSetAssignments") or []:
        count = int(part.get("count") or 1)
        left = Decimal(count - ended.get(part["name"], 0)) / count
        for resource, of in (part.get("resourceUsage") or {}).items():
            key = (part["flavors"][resource], resource)
            found[key] = found.get(key, Decimal(0)) + quantity(of) * left
    return found


@dataclass
class Ledger:
    """What each queue holds now, and how often that was more than it may be.

    ``admitted`` and ``finished`` map a workload to when it was; one that was evicted and admitted
    again counts by the last time, and in ``evictions``. ``seen`` are the first states that were too
    much.

    Kueue gives quota away in the moment in which it tells its holder to go, who keeps it until its
    pods have ended. ``over_capacity`` leaves out who was told to go, ``over_with_leaving`` counts
    them in, and ``most_over`` is by how much these were beyond all, at the most.
    """

    used: dict[str, dict[Key, Decimal]] = field(default_factory=dict)
    admitted: dict[str, datetime] = field(default_factory=dict)
    finished: dict[str, datetime] = field(default_factory=dict)
    created: dict[str, datetime] = field(default_factory=dict)
    changes: int = 0
    evictions: int = 0
    over_capacity: int = 0
    over_with_leaving: int = 0
    most_over: dict[Key, Decimal] = field(default_factory=dict)
    over_limit: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    _holds: dict[str, tuple[str, dict[Key, Decimal]]] = field(default_factory=dict)
    _all: dict[Key, Decimal] = field(default_factory=dict)
    _leaving: dict[str, dict[Key, Decimal]] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any], queues: Mapping[str, Queue], cohort: Amounts) -> None:
        """Take one event of the watch into account and look at the state after it."""
        workload = event["object"]
        uid = workload["metadata"]["uid"]
        self.changes += 1
        self._leaving.pop(uid, None)
        name, holds = self._holds.pop(uid, ("", {}))
        self._add(name, holds, -1)
        if event["type"] != "DELETED":
            admission = (workload.get("status") or {}).get("admission") or {}
            now, of = admission.get("clusterQueue", name), held(workload)
            self._holds[uid] = (now, of)
            if of and condition(workload, "Evicted"):
                self._leaving[uid] = of
            self._add(now, of, 1)
            self._times(uid, workload)
            self.evictions += bool(holds and not of and uid not in self.finished)
            own = self.used.get(now, {}) if of else {}
            self.over_limit += self._over(now, own, queues[now].most if now in queues else {}, uid)
        self._look_at_all(cohort, uid)

    def _look_at_all(self, cohort: Amounts, uid: str) -> None:
        beyond = {k: has - cohort[k] for k, has in self._all.items() if has > cohort.get(k, has)}
        self.over_with_leaving += bool(beyond)
        for key, more in beyond.items():
            self.most_over[key] = max(more, self.most_over.get(key, more))
        staying = dict(self._all)
        for leaving in self._leaving.values():
            for key, less in leaving.items():
                staying[key] -= less
        self.over_capacity += self._over("", staying, cohort, uid)

    def _over(self, name: str, has: Amounts, most: Amounts, uid: str) -> bool:
        beyond = {k: (has[k], most[k]) for k in has if k in most and has[k] > most[k]}
        if beyond and len(self.seen) < KEPT:
            told = {" ".join(k): f"{of:f} of {may:f}" for k, (of, may) in beyond.items()}
            self.seen.append({"queue": name or "all", "change": self.changes, "uid": uid, **told})
        return bool(beyond)

    def _add(self, name: str, amounts: Amounts, sign: int) -> None:
        own = self.used.setdefault(name, {}) if amounts else {}
        for key, of in amounts.items():
            own[key] = own.get(key, Decimal(0)) + of * sign
            self._all[key] = self._all.get(key, Decimal(0)) + of * sign

    def _times(self, uid: str, workload: Mapping[str, Any]) -> None:
        self.created[uid] = datetime.fromisoformat(workload["metadata"]["creationTimestamp"])
        for name, known in (("QuotaReserved", self.admitted), ("Finished", self.finished)):
            if when := condition(workload, name):
                known[uid] = when
