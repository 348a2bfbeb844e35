"""What findings come to for a rule, and how many rules of a hundred hold. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import TypedDict

from policies.audit import Finding
from policies.catalog import Gate
from policies.verdict import Outcome


class Standing(StrEnum):
    """What a finding, or all findings of a rule, come to; the worst first."""

    FAILED = "failed"
    """A failure that is open."""
    UNDECIDED = "undecided"
    WAIVED = "waived"
    """A failure that somebody bears."""
    PASSED = "passed"
    NOTHING = "nothing"
    """A rule that found nothing to judge."""


class Score(TypedDict):
    """How many rules come to what; ``percent`` is None where no rule was decided."""

    percent: int | None
    failed: int
    undecided: int
    waived: int
    passed: int
    nothing: int


def of_finding(finding: Finding) -> Standing:
    """Return what a finding comes to."""
    if finding.outcome is Outcome.FAIL:
        return Standing.FAILED if finding.open else Standing.WAIVED
    return Standing.UNDECIDED if finding.outcome is Outcome.UNDECIDED else Standing.PASSED


def of_rule(findings: Iterable[Finding]) -> Standing:
    """Return what the findings of one rule come to: the worst of them.

    A gate sees what those before it cannot: what was undecided at one and is decided at a later one
    is decided.
    """
    found = list(findings)
    order = list(Gate)
    decided = {
        (finding.resource, finding.type): order.index(finding.gate)
        for finding in sorted(found, key=lambda finding: order.index(finding.gate))
        if finding.outcome is not Outcome.UNDECIDED
    }
    standings = {
        of_finding(finding)
        for finding in found
        if finding.outcome is not Outcome.UNDECIDED
        or decided.get((finding.resource, finding.type), -1) <= order.index(finding.gate)
    }
    return next((each for each in Standing if each in standings), Standing.NOTHING)


def score(standings: Iterable[Standing]) -> Score:
    """Return what rules come to: of those that are decided, how many have no open failure.

    Rules that are undecided or that found nothing to judge count neither way. It is rounded down:
    only where all hold are they 100 of a hundred.
    """
    counts = Counter(standings)
    held = counts[Standing.PASSED] + counts[Standing.WAIVED]
    decided = held + counts[Standing.FAILED]
    return Score(
        percent=100 * held // decided if decided else None,
        failed=counts[Standing.FAILED],
        undecided=counts[Standing.UNDECIDED],
        waived=counts[Standing.WAIVED],
        passed=counts[Standing.PASSED],
        nothing=counts[Standing.NOTHING],
    )
