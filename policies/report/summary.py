"""The report as plain text, for a terminal or a log. Pure."""

from __future__ import annotations

from policies.report.shape import COUNTED, FindingEntry, GateEntry, Record, RuleEntry, borne, kind
from policies.report.words import MARKS, NAMES, SEVERITIES, headline

MOST = 50
"""How many failures, and how many waived ones, are listed one by one."""


def text(record: Record, most: int = MOST) -> str:
    """Return what matters first, then a line for each gate, then what there is to do."""
    parts = [
        [f"{record['stack']}  {headline(record)}", _counted(record)],
        _gates(record),
        _failures(record, most),
        _waived(record, most),
        [f"! {note}" for note in record["notes"]],
        [
            f"{source}: {', '.join(f'{number} {word}' for word, number in sorted(of.items()))}"
            for source, of in sorted(record["scans"].items())
        ],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _counted(record: Record) -> str:
    counts = record["counts"]
    advice = f" ({record['advice']} of them advice)" if record["advice"] else ""
    percent = record["score"]["percent"]
    score = "" if percent is None else f", score {percent}%"
    return (
        f"{counts['failed']} open{advice}, {counts['waived']} waived, "
        f"{counts['undecided']} undecided, {counts['passed']} passed{score}"
    )


def _gates(record: Record) -> list[str]:
    head = f"{'GATE':<10}" + "".join(f"{NAMES[name].upper():>10}" for name in COUNTED)
    return [head, *(_gate(gate) for gate in record["gates"])]


def _gate(gate: GateEntry) -> str:
    if not gate["ran"]:
        return f"{gate['gate']:<10}  not run: {gate['reason'] or 'no reason was given'}"
    return f"{gate['gate']:<10}" + "".join(f"{gate['counts'][name]:>10}" for name in COUNTED)


def _failures(record: Record, most: int) -> list[str]:
    """Return two lines for each open failure, the worst first: what it is, and what to do."""
    rules = {rule["id"]: rule for rule in record["rules"]}
    found = [finding for finding in record["findings"] if finding["outcome"] == "failed"]
    found.sort(key=lambda finding: _weight(rules[finding["rule"]]))
    lines = []
    for finding in found[:most]:
        rule, said = rules[finding["rule"]], "; ".join(finding["messages"])
        word = rule["severity"] if rule["mandatory"] else "advice"
        what = f"{rule['id']} ({word})  {_what(finding)}, at {finding['gate']}"
        lines += [f"{MARKS['failed']} {what}: {said}", f"    {rule['remedy']}"]
    return lines + _more(len(found), most)


def _weight(rule: RuleEntry) -> tuple[bool, int]:
    return not rule["mandatory"], SEVERITIES.index(rule["severity"])


def _waived(record: Record, most: int) -> list[str]:
    """Return a line for each failure that somebody bears."""
    borne_by = {
        f"{finding['rule']}  {_what(finding)}": finding["waiver"]
        for finding in record["findings"]
        if finding["waiver"]
    }
    lines = [
        f"{MARKS['waived']} {what}: waived by {borne(waiver)}"
        for what, waiver in list(borne_by.items())[:most]
    ]
    return lines + _more(len(borne_by), most)


def _what(finding: FindingEntry) -> str:
    what = finding["resource"] or "settings"
    return f"{what} ({kind(finding)})" if kind(finding) else what


def _more(number: int, most: int) -> list[str]:
    return [f"  and {number - most} more"] if number > most else []
