"""The shape of a record of an audit, as report.schema.json has it."""

from __future__ import annotations

from typing import Literal, TypedDict

from policies.report.score import Score

Result = Literal["passed", "failed", "undecided"]
Outcome = Literal["failed", "undecided", "waived", "passed"]
RuleOutcome = Literal[Outcome, "nothing"]
COUNTED: tuple[Outcome, ...] = ("failed", "waived", "undecided", "passed")
SCORED: tuple[RuleOutcome, ...] = (*COUNTED, "nothing")


class Counts(TypedDict):
    """How many findings come to what."""

    failed: int
    undecided: int
    waived: int
    passed: int


class FrameworkEntry(TypedDict):
    """A requirement of someone else that a rule serves."""

    name: str
    version: str
    reference: str


class RuleEntry(TypedDict):
    """A rule and what it comes to; ``outcome`` may also be ``nothing``."""

    id: str
    title: str
    severity: str
    scope: str
    mandatory: bool
    gates: list[str]
    frameworks: list[FrameworkEntry]
    rationale: str
    remedy: str
    outcome: str
    counts: Counts


class WaiverEntry(TypedDict):
    """Who bears a failure; all but the ticket is empty where it is not known."""

    ticket: str
    owner: str
    reason: str
    expires: str


class FindingEntry(TypedDict):
    """What a rule said of one resource at one gate."""

    rule: str
    gate: str
    resource: str
    type: str
    team: str | None
    outcome: Outcome
    messages: list[str]
    waiver: WaiverEntry | None


class GateEntry(TypedDict):
    """A gate: whether it was run, else why not, and what was found there."""

    gate: str
    ran: bool
    reason: str
    counts: Counts


class FrameworkScore(Score):
    """The score of a framework, in which each of its rules counts once."""

    name: str
    version: str


class TeamScore(Score):
    """The score of a team; None is everything that is in no team's namespace."""

    team: str | None


class Record(TypedDict):
    """All of a report. ``advice`` is how many open failures are of rules that stop nothing."""

    schema: str
    stack: str
    file: str
    date: str
    versions: dict[str, str]
    result: Result
    counts: Counts
    advice: int
    score: Score
    frameworks: list[FrameworkScore]
    teams: list[TeamScore]
    gates: list[GateEntry]
    rules: list[RuleEntry]
    findings: list[FindingEntry]
    notes: list[str]
    scans: dict[str, dict[str, int]]


def borne(waiver: WaiverEntry) -> str:
    """Return who bears a failure and until when, as far as it is known."""
    owner = f" of {waiver['owner']}" if waiver["owner"] else ""
    expires = f" until {waiver['expires']}" if waiver["expires"] else ""
    return f"{waiver['ticket']}{owner}{expires}"


def kind(finding: FindingEntry) -> str:
    """Return the kind of what a finding is about, which is the last part of its type."""
    return finding["type"].rpartition(":")[2]


def asked(rule: RuleEntry) -> list[str]:
    """Return the requirements that a rule serves, each as a text."""
    return [f"{of['name']} {of['version']}: {of['reference']}" for of in rule["frameworks"]]
