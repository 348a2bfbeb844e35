"""The controls on the page of a report: each rule with what was found. Pure."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby

from policies.report.markup import Markup, cell, el, row, table, whole
from policies.report.shape import COUNTED, FindingEntry, Record, RuleEntry, asked, borne, kind
from policies.report.words import MARKS, NAMES, SEVERITIES, many

MOST = 20
"""How many findings of a control are listed before the others are folded away."""
GROUPS = {
    "failed": "Open failures",
    "undecided": "Undecided",
    "waived": "Waived",
    "passed": "Passed",
    "nothing": "Nothing to judge",
}
OPEN = ("failed", "undecided", "waived")
ANY = ""


def section(record: Record) -> Markup:
    """Return all controls, those with open failures first, the worst of these first."""
    found: dict[str, list[FindingEntry]] = defaultdict(list)
    for finding in record["findings"]:
        found[finding["rule"]].append(finding)
    frameworks = {(f["name"], f["version"]): str(n) for n, f in enumerate(record["frameworks"])}
    teams = {each["team"]: str(number) for number, each in enumerate(record["teams"])}
    groups = []
    for outcome, title in GROUPS.items():
        rules = [rule for rule in record["rules"] if rule["outcome"] == outcome]
        rules.sort(key=lambda rule: (SEVERITIES.index(rule["severity"]), rule["id"]))
        shown = [_control(rule, found[rule["id"]], frameworks, teams) for rule in rules]
        if shown:
            heading = el("h3", f"{title} ", el("small", many(len(rules), "control")))
            groups.append(el("div", heading, *shown, class_="group", id=outcome))
    return el(
        "section",
        el("h2", "Controls", id="controls"),
        _form(record),
        el("p", role="status", id="found"),
        *groups or [el("p", "There are no controls.")],
        aria_labelledby="controls",
    )


def _form(record: Record) -> Markup:
    """Return what finds controls. It needs the script, which shows it."""
    frameworks = [f"{each['name']} {each['version']}" for each in record["frameworks"]]
    teams = [each["team"] or "in no team" for each in record["teams"]]
    gates = [(gate["gate"], gate["gate"]) for gate in record["gates"]]
    return el(
        "form",
        el("label", "Text", el("input", type="search", name="text", autocomplete="off")),
        _select("Outcome", list(NAMES.items())),
        _select("Framework", [(str(n), name) for n, name in enumerate(frameworks)]),
        _select("Team", [(str(n), name) for n, name in enumerate(teams)]),
        _select("Gate", gates),
        el("button", "Show all", type="reset"),
        id="find",
        role="search",
        aria_label="Find controls",
        hidden=True,
    )


def _select(label: str, options: list[tuple[str, str]]) -> Markup:
    shown = [el("option", name, value=value) for value, name in [(ANY, "any"), *options]]
    return el("label", label, el("select", *shown, name=label.lower()))


def _control(
    rule: RuleEntry,
    found: list[FindingEntry],
    frameworks: dict[tuple[str, str], str],
    teams: dict[str | None, str],
) -> Markup:
    outcome = rule["outcome"]
    told = sorted((f for f in found if f["outcome"] != "passed"), key=_worst)
    serves = {frameworks[each["name"], each["version"]] for each in rule["frameworks"]}
    return el(
        "details",
        el(
            "summary",
            _badge(outcome),
            el("h4", el("code", rule["id"]), " ", rule["title"]),
            el("span", _tally(rule), class_="tally"),
        ),
        _facts(rule),
        _told(told[:MOST], teams),
        _folded(told[MOST:], teams),
        _passed([f for f in found if f["outcome"] == "passed"], teams, unfold=not told),
        id=rule["id"],
        class_=f"control {outcome}",
        open=outcome in OPEN,
        data_standing=outcome,
        data_frameworks=" ".join(sorted(serves)),
    )


def _worst(finding: FindingEntry) -> int:
    return list(GROUPS).index(finding["outcome"])


def _badge(outcome: str) -> Markup:
    mark = el("span", MARKS[outcome], class_="mark", aria_hidden="true")
    return el("span", mark, NAMES[outcome], class_=f"badge {outcome}")


def _tally(rule: RuleEntry) -> str:
    counts = rule["counts"]
    told = [f"{counts[name]:,} {NAMES[name]}" for name in COUNTED if counts[name]]
    return ", ".join([rule["severity"] if rule["mandatory"] else "advice", *told])


def _facts(rule: RuleEntry) -> Markup:
    """Return what is to be known of a rule, whatever was found."""
    serves = whole(*(el("span", each) for each in asked(rule)))
    stops = "a violation stops an update" if rule["mandatory"] else "advice, which stops nothing"
    facts = {
        "Why": rule["rationale"],
        "Remedy": rule["remedy"],
        "Severity": f"{rule['severity']}; {stops}",
        "Held at": f"{', '.join(rule['gates']) or 'no gate'}; scope: {rule['scope']}",
        "Asked for by": serves or "nobody else",
    }
    return el(
        "dl",
        *(
            el("div", el("dt", name), el("dd", said), class_=name.lower().replace(" ", "-"))
            for name, said in facts.items()
        ),
    )


def _told(found: list[FindingEntry], teams: dict[str | None, str]) -> Markup | None:
    rows = [_row(finding, teams) for finding in found]
    return table(("Outcome", "Resource", "Evidence"), rows, class_="findings") if rows else None


def _row(finding: FindingEntry, teams: dict[str | None, str]) -> Markup:
    waiver = finding["waiver"]
    team = f"team {finding['team']}" if finding["team"] else None
    about = ", ".join(part for part in (kind(finding), team) if part)
    said = [el("p", message) for message in finding["messages"]]
    if waiver:
        reason = waiver["reason"] or "no reason is known"
        said.append(el("p", f"Waived by {borne(waiver)}: {reason}"))
    return row(
        cell(_badge(finding["outcome"]), el("small", f"at {finding['gate']}")),
        cell(_name(finding), el("small", about) if about else None),
        cell(*said),
        data_outcome=finding["outcome"],
        data_gate=finding["gate"],
        data_team=teams[finding["team"]],
    )


def _name(finding: FindingEntry) -> Markup:
    return el("code", finding["resource"]) if finding["resource"] else el("em", "settings")


def _folded(found: list[FindingEntry], teams: dict[str | None, str]) -> Markup | None:
    table = _told(found, teams)
    return el("details", el("summary", f"{len(found):,} more"), table) if table else None


def _passed(
    found: list[FindingEntry], teams: dict[str | None, str], *, unfold: bool
) -> Markup | None:
    """Return the names of what passed, gate by gate, folded away."""
    if not found:
        return None
    parts: list[Markup] = []
    for gate, of in groupby(found, key=lambda finding: finding["gate"]):
        names = [
            el(
                "li",
                _name(finding),
                el("small", f" {kind(finding)}") if kind(finding) else None,
                data_outcome="passed",
                data_gate=gate,
                data_team=teams[finding["team"]],
            )
            for finding in of
        ]
        parts.append(el("div", el("p", f"at {gate}"), el("ul", *names), class_="names"))
    return el("details", el("summary", f"{len(found):,} passed"), *parts, open=unfold)
