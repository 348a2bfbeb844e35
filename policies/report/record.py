"""The record of an audit: the one plain dict that every form of the report is made from. Pure.

Its schema is report.schema.json: fields are added, never changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from policies.audit import Finding
from policies.catalog import Gate, Rule
from policies.report.score import Standing, of_finding, of_rule, score
from policies.report.shape import (
    Counts,
    FindingEntry,
    FrameworkEntry,
    FrameworkScore,
    GateEntry,
    Outcome,
    Record,
    Result,
    RuleEntry,
    TeamScore,
    WaiverEntry,
)
from policies.waivers import Waiver

SCHEMA = "cnai.dev/report/v1"
NO_SIGN = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a report is about.

    ``date`` is aware of its time zone. ``not_run`` says of each gate that was not run why; all
    others were. ``file`` is where the stack's settings are, seen from the root of the repository.
    ``scans`` is what scanners found, as :func:`policies.scans.counted` has it.
    """

    stack: str
    date: datetime
    versions: Mapping[str, str]
    not_run: Mapping[Gate, str]
    file: str = ""
    scans: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def build(
    header: Header,
    rules: Iterable[Rule],
    findings: Iterable[Finding],
    waivers: Sequence[Waiver] = (),
    notes: Sequence[str] = (),
) -> Record:
    """Return the record. ``notes`` is what is wrong with waivers, which is a failure by itself.

    Raises ValueError for a finding of a rule that is not among the rules.
    """
    ordered, found = sorted(rules, key=lambda rule: rule.id), list(findings)
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_rule[finding.rule].append(finding)
    if unknown := sorted(set(by_rule) - {rule.id for rule in ordered}):
        raise ValueError(f"findings of rules that are not known: {', '.join(unknown)}")
    standings = {rule.id: of_rule(by_rule[rule.id]) for rule in ordered}
    open_by = Counter(finding.rule for finding in found if finding.open)
    advice = sum(open_by[rule.id] for rule in ordered if not rule.mandatory)
    counts = _counts(found)
    entries = [_finding(finding, waivers, header.date.date()) for finding in found]
    record = Record(
        schema=SCHEMA,
        stack=header.stack,
        file=header.file,
        date=header.date.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        versions=dict(header.versions),
        result=_result(counts, advice, notes),
        counts=counts,
        advice=advice,
        score=score(standings.values()),
        frameworks=_frameworks(ordered, standings),
        teams=_teams(ordered, found),
        gates=[_gate(gate, header, found) for gate in Gate],
        rules=[_rule(rule, standings[rule.id], by_rule[rule.id]) for rule in ordered],
        findings=sorted(entries, key=_place),
        notes=list(notes),
        scans={source: dict(of) for source, of in header.scans.items()},
    )
    printed: Record = printable(record)
    return printed


def printable(value: Any) -> Any:
    """Return it without anything in its texts that is no text: what could steer a terminal, turn
    a line around or break XML. Names come from whoever may make a resource.
    """
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_sign, value))
    if isinstance(value, Mapping):
        return {printable(key): printable(inner) for key, inner in value.items()}
    return [printable(inner) for inner in value] if isinstance(value, list) else value


def _sign(sign: str) -> str:
    if sign.isspace():
        return " "
    return sign if sign.isprintable() else NO_SIGN


def _result(counts: Counts, advice: int, notes: Sequence[str]) -> Result:
    if counts["failed"] > advice or notes:
        return "failed"
    return "passed" if any((counts["passed"], counts["waived"], advice)) else "undecided"


def _counts(findings: Iterable[Finding]) -> Counts:
    counts = Counter(of_finding(finding) for finding in findings)
    return Counts(
        failed=counts[Standing.FAILED],
        undecided=counts[Standing.UNDECIDED],
        waived=counts[Standing.WAIVED],
        passed=counts[Standing.PASSED],
    )


def _rule(rule: Rule, standing: Standing, found: list[Finding]) -> RuleEntry:
    return RuleEntry(
        id=rule.id,
        title=rule.title,
        severity=rule.severity.value,
        scope=rule.scope.value,
        mandatory=rule.mandatory,
        gates=[gate.value for gate in rule.gates],
        frameworks=[
            FrameworkEntry(name=each.name, version=each.version, reference=each.reference)
            for each in rule.frameworks
        ],
        rationale=rule.rationale,
        remedy=rule.remedy,
        outcome=standing.value,
        counts=_counts(found),
    )


def _finding(finding: Finding, waivers: Iterable[Waiver], day: date) -> FindingEntry:
    outcome: Outcome = of_finding(finding).value  # type: ignore[assignment]
    return FindingEntry(
        rule=finding.rule,
        gate=finding.gate.value,
        resource=finding.resource,
        type=finding.type,
        team=finding.team or None,
        outcome=outcome,
        messages=list(finding.messages),
        waiver=_bearer(finding, waivers, day) if outcome == "waived" else None,
    )


def _bearer(finding: Finding, waivers: Iterable[Waiver], day: date) -> WaiverEntry:
    ticket = finding.waived or ""
    for waiver in waivers:
        if waiver.ticket == ticket and waiver.expires >= day and waiver.bears(finding):
            return WaiverEntry(
                ticket=ticket,
                owner=waiver.owner,
                reason=waiver.reason,
                expires=waiver.expires.isoformat(),
            )
    return WaiverEntry(ticket=ticket, owner="", reason="", expires="")


def _place(entry: FindingEntry) -> tuple[Any, ...]:
    waiver = entry["waiver"]
    return (
        entry["rule"],
        list(Gate).index(Gate(entry["gate"])),
        entry["team"] or "",
        entry["resource"],
        entry["type"],
        entry["outcome"],
        entry["messages"],
        waiver["ticket"] if waiver else "",
    )


def _gate(gate: Gate, header: Header, found: Iterable[Finding]) -> GateEntry:
    return GateEntry(
        gate=gate.value,
        ran=gate not in header.not_run,
        reason=header.not_run.get(gate, ""),
        counts=_counts(finding for finding in found if finding.gate is gate),
    )


def _frameworks(rules: Sequence[Rule], standings: Mapping[str, Standing]) -> list[FrameworkScore]:
    served: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in rules:
        for each in rule.frameworks:
            served[each.name, each.version].add(rule.id)
    return [
        {"name": name, "version": version, **score(standings[id_] for id_ in ids)}
        for (name, version), ids in sorted(served.items())
    ]


def _teams(rules: Sequence[Rule], found: Iterable[Finding]) -> list[TeamScore]:
    """Return the score of each team that something was found of, the platform's own last."""
    by_team: dict[str | None, dict[str, list[Finding]]] = defaultdict(lambda: defaultdict(list))
    for finding in found:
        by_team[finding.team or None][finding.rule].append(finding)
    return [
        {"team": team, **score(of_rule(by_team[team][rule.id]) for rule in rules)}
        for team in sorted(by_team, key=lambda team: (team is None, team or ""))
    ]
