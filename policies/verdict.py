"""The answer of a rule, with its reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The answers of a rule."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Verdict:
    """An answer with its reasons: one message for each place that fails or is undecided.

    Messages name places, never values: secrets reach a rule in clear.
    """

    outcome: Outcome
    messages: tuple[str, ...] = ()

    @classmethod
    def of(cls, failures: Iterable[str] = (), undecided: Iterable[str] = ()) -> Verdict:
        """One failure decides; otherwise one place in doubt leaves it open."""
        if failed := tuple(failures):
            return cls(Outcome.FAIL, failed)
        if doubts := tuple(undecided):
            return cls(Outcome.UNDECIDED, doubts)
        return cls(Outcome.PASS)

    @classmethod
    def fail(cls, *messages: str) -> Verdict:
        """It does not hold."""
        return cls(Outcome.FAIL, messages)


PASS = Verdict(Outcome.PASS)
