"""What is read of values that may be of any shape, and how they are judged: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.plain import UNKNOWN
from policies.verdict import PASS, Outcome, Verdict


def read(node: Any, *path: str) -> Any:
    """Return what is at a path: None if nothing is, UNKNOWN if that is not known yet."""
    for key in path:
        if not isinstance(node, Mapping):
            return UNKNOWN if node is UNKNOWN else None
        node = node.get(key)
    return node


def entries(value: Any) -> list[Any]:
    """Return the entries of a list; an UNKNOWN one stands for a list that is not known yet."""
    if value is UNKNOWN:
        return [UNKNOWN]
    return value if isinstance(value, list) else []


def told(value: Any) -> bool:
    """Say whether a value is a text with something in it."""
    return isinstance(value, str) and bool(value.strip())


def held(value: Any, fine: bool, place: str, failure: str) -> Verdict:
    """Judge one value, which is either fine, or not known yet, or a failure."""
    if value is UNKNOWN:
        return Verdict.of([], [f"{place} is not known yet"])
    return PASS if fine else Verdict.fail(failure)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """Return one verdict out of several: one failure decides."""
    seen = list(verdicts)
    return Verdict.of(
        [m for v in seen if v.outcome is Outcome.FAIL for m in v.messages],
        [m for v in seen if v.outcome is Outcome.UNDECIDED for m in v.messages],
    )


def doubtful(verdict: Verdict, place: str) -> Verdict:
    """Return a verdict that only counts if what is at a place, not known yet, lets it."""
    if verdict.outcome is Outcome.FAIL:
        return Verdict.of([], [f"{place} is not known yet"])
    return verdict
