"""What the samples of a run say: quotas held, how fast, and how fair. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median
from typing import Any

from components.clusters.shapes import NVIDIA
from stacks.scale.ledger import Amounts, Ledger, Queue

FULL = 0.95
"""Part of the accelerators in use from which on teams are in each other's way."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """All queues at one moment, in accelerators; ``at`` are seconds since the first job was sent.

    ``told_over`` are the queues whose own status said more than they may use.
    """

    at: float
    used: Mapping[str, int]
    pending: Mapping[str, int]
    admitted: int
    finished: int
    told_over: tuple[str, ...] = ()


def accelerators(amounts: Amounts) -> int:
    """Return how many accelerators there are in amounts, of all flavors."""
    return int(sum(of for (_, resource), of in amounts.items() if resource == NVIDIA))


def sample(at: float, ledger: Ledger, queues: Mapping[str, Queue]) -> Sample:
    """Return what the ledger and the queues say at a moment."""
    return Sample(
        at=round(at, 1),
        used={name: accelerators(ledger.used.get(name, {})) for name in queues},
        pending={name: one.pending for name, one in queues.items()},
        admitted=len(ledger.admitted),
        finished=len(ledger.finished),
        told_over=tuple(
            name
            for name, one in queues.items()
            if any(one.used.get(key, 0) > most for key, most in one.most.items())
        ),
    )


def jain(values: Sequence[float]) -> float:
    """Return Jain's index of fairness: 1 when all have the same, 1/n when one has all."""
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else 1.0


def quota(samples: Sequence[Sample], ledger: Ledger, capacity: int) -> dict[str, Any]:
    """Say how often any queue or all of them together held more than they may."""
    return {
        "samples": len(samples),
        "changes": ledger.changes,
        "times_over_capacity": ledger.over_capacity,
        "times_over_with_leaving": ledger.over_with_leaving,
        "most_over_with_leaving": accelerators(ledger.most_over),
        "times_over_limit": ledger.over_limit,
        "samples_told_over_limit": sum(bool(s.told_over) for s in samples),
        "capacity": capacity,
        "first_too_much": ledger.seen,
        "most_in_use": max((sum(s.used.values()) for s in samples), default=0),
    }


def speed(samples: Sequence[Sample], ledger: Ledger, sent: int, took: float) -> dict[str, Any]:
    """Say how long it took; ``took`` are the seconds in which so many jobs were sent."""
    start = min(ledger.created.values(), default=datetime.min)
    admitted = sorted((when - start).total_seconds() for when in ledger.admitted.values())
    finished = [(when - start).total_seconds() for when in ledger.finished.values()]
    minutes = Counter(int(when // 60) for when in admitted)
    waits = [(ledger.admitted[u] - ledger.created[u]).total_seconds() for u in ledger.admitted]
    return {
        "sent": sent,
        "sent_seconds": round(took, 1),
        "admitted": len(admitted),
        "admitted_seconds": max(admitted, default=0.0),
        "finished": len(finished),
        "finished_seconds": max(finished, default=0.0),
        "admissions_per_second": round(len(admitted) / max([*admitted, 1.0]), 1),
        "admissions_per_second_best_minute": round(max(minutes.values(), default=0) / 60, 1),
        "wait_seconds_median": median(waits) if waits else 0.0,
        "wait_seconds_most": max(waits, default=0.0),
        "most_pending": max((sum(s.pending.values()) for s in samples), default=0),
        "evictions": ledger.evictions,
    }


def contended(samples: Iterable[Sample], names: Sequence[str], capacity: int) -> list[Sample]:
    """Return the samples in which all these have jobs that wait and nothing is left."""
    return [
        s
        for s in samples
        if sum(s.used.values()) >= FULL * capacity and all(s.pending.get(n, 0) for n in names)
    ]


def share(
    samples: Sequence[Sample], names: Sequence[str], queues: Mapping[str, Queue], capacity: int
) -> dict[str, Any]:
    """Say what these had of what they are guaranteed while all of them wanted more.

    ``borrowed`` is what they had above it for each unit of their weight.
    """
    seen = contended(samples, names, capacity)
    if not names or not seen:
        return {"teams": len(names), "samples": 0}
    had, borrowed = [], []
    for name in names:
        own = accelerators(queues[name].nominal)
        had.append(fmean(s.used[name] for s in seen) / own)
        more = fmean(max(0, s.used[name] - own) for s in seen)
        borrowed.append(more / float(queues[name].weight or 1))
    return {
        "teams": len(names),
        "samples": len(seen),
        "from_second": seen[0].at,
        "to_second": seen[-1].at,
        "of_guaranteed": _spread(had),
        "borrowed_by_weight": _spread(borrowed),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "least": round(min(values), 2),
        "median": round(median(values), 2),
        "most": round(max(values), 2),
        "jain": round(jain(values), 4),
    }
