"""The report as one page: it needs no network, nothing beside it, and is whole without a script.

Its style and its script are page.css and page.js, put inline; the page allows those two by their
hashes and nothing else, so that what comes from data could not run even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path

from policies.report import controls
from policies.report.markup import Markup, cell, el, named, row, table, whole
from policies.report.score import Score
from policies.report.shape import COUNTED, SCORED, Counts, GateEntry, Record, RuleOutcome
from policies.report.words import MARKS, NAMES, SEES, headline

HERE = Path(__file__).parent


def text(record: Record) -> str:
    """Return the page."""
    style, script = ((HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{record['stack']}: {headline(record)}"),
        el("style", Markup(style)),
    )
    body = el(
        "body",
        el("a", "Skip to the controls", class_="skip", href="#controls"),
        el("header", _verdict(record)),
        el("main", _notes(record), _scores(record), _gates(record), controls.section(record)),
        el("footer", _footer(record)),
        el("script", Markup(script)),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def _hash(said: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()}"


def _verdict(record: Record) -> Markup:
    """Return what matters, first."""
    moment = datetime.fromisoformat(record["date"])
    score, gates = record["score"], record["gates"]
    held = score["passed"] + score["waived"]
    decided = held + score["failed"]
    said = (
        f"Controls without an open failure: {held:,} of the {decided:,} that could be decided, "
        f"a score of {score['percent']}%."
        if decided
        else "No control could be decided."
    )
    ran = f"{sum(gate['ran'] for gate in gates)} of {len(gates)} gates were run."
    mark = MARKS["passed" if record["result"] == "passed" else "failed"]
    return whole(
        el(
            "p",
            "Policy report of ",
            el("strong", record["stack"]),
            ", ",
            el("time", f"{moment:%-d %B %Y, %H:%M} UTC", datetime=record["date"]),
            class_="of",
        ),
        el(
            "h1",
            el("span", mark, class_="mark", aria_hidden="true"),
            el("span", headline(record)),
            class_="passed" if record["result"] == "passed" else "failed",
        ),
        el("ul", *_tiles(record), class_="tiles"),
        el("p", f"{said} {ran}", class_="said"),
    )


def _tiles(record: Record) -> list[Markup]:
    counts, advice = record["counts"], record["advice"]
    more = {
        "failed": f"open, {advice:,} of them advice" if advice else "open",
        "waived": "borne by somebody, for a time",
        "undecided": "not known, and not passed",
        "passed": "found as they should be",
    }
    groups = {rule["outcome"] for rule in record["rules"]}
    tiles = []
    for name in COUNTED:
        title = f"{MARKS[name]} {NAMES[name]}"
        link = el("a", title, href=f"#{name}") if name in groups else el("span", title)
        number, kind = f"{counts[name]:,}", name if counts[name] else "none"
        tiles.append(el("li", el("b", number), link, el("small", more[name]), class_=kind))
    return tiles


def _notes(record: Record) -> Markup | None:
    if not record["notes"]:
        return None
    return el(
        "section",
        el("h2", "Waivers that are not in order", id="notes"),
        el("ul", *(el("li", note) for note in record["notes"]), class_="notes"),
        aria_labelledby="notes",
    )


def _scores(record: Record) -> Markup:
    frameworks = [
        _score(whole(each["name"], " ", el("small", each["version"])), each)
        for each in record["frameworks"]
    ]
    teams = [_score(each["team"] or "in no team", each) for each in record["teams"]]
    said = (
        "The score is how many controls of a hundred have no open failure, of those that could be "
        "decided. A framework has each of its controls once."
    )
    columns = ("Score", *(NAMES[name].capitalize() for name in SCORED))
    return el(
        "section",
        el("h2", "Scores", id="scores"),
        el("p", said, class_="note"),
        _wide("Controls by framework", ("Framework", *columns), frameworks),
        _wide("Controls by team", ("Team", *columns), teams),
        aria_labelledby="scores",
    )


def _score(name: str, score: Score) -> Markup:
    percent = "not decided" if score["percent"] is None else f"{score['percent']}%"
    return row(
        named(name),
        cell(el("b", percent), _bar(score), class_="score"),
        *(_number(name, score[name]) for name in SCORED),
    )


def _bar(score: Score) -> Markup | None:
    """Return the parts of a score as a bar, for eyes only: numbers stand beside it."""
    drawn, start = [], 0.0
    parts: tuple[RuleOutcome, ...] = ("passed", "waived", "failed")
    decided = sum(score[name] for name in parts)
    for name in parts:
        if score[name]:
            width = 100 * score[name] / decided
            drawn.append(el("rect", class_=name, x=f"{start:.2f}", width=f"{width:.2f}", height=8))
            start += width
    if not drawn:
        return None
    return el(
        "svg",
        *drawn,
        class_="bar",
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _number(name: str, number: int) -> Markup:
    return cell(f"{number:,}", class_=name if number else "none", data_label=NAMES[name])


def _gates(record: Record) -> Markup:
    columns = ("Gate", *(NAMES[name].capitalize() for name in COUNTED))
    return el(
        "section",
        el("h2", "Gates", id="gates"),
        _wide("Findings by gate", columns, [_gate(gate) for gate in record["gates"]]),
        _scans(record),
        aria_labelledby="gates",
    )


def _gate(gate: GateEntry) -> Markup:
    name = named(gate["gate"], el("small", SEES[gate["gate"]], class_="below"))
    if not gate["ran"]:
        reason = f"{MARKS['undecided']} not run: {gate['reason'] or 'no reason was given'}"
        return row(name, cell(reason, class_="undecided", colspan=len(COUNTED)))
    counts: Counts = gate["counts"]
    return row(name, *(_number(key, counts[key]) for key in COUNTED))


def _scans(record: Record) -> Markup | None:
    rows = [
        row(
            named(source),
            cell(", ".join(f"{number:,} {word}" for word, number in sorted(of.items()))),
        )
        for source, of in sorted(record["scans"].items())
    ]
    return _wide("What scanners found", ("Scanner", "Results"), rows) if rows else None


def _wide(caption: str, columns: tuple[str, ...], rows: list[Markup]) -> Markup:
    # One that is wider than a screen can be reached and moved by keys.
    return el(
        "div",
        table(columns, rows, caption=caption),
        class_="wide",
        role="region",
        aria_label=caption,
        tabindex="0",
    )


def _footer(record: Record) -> Markup:
    versions = ", ".join(f"{name} {said}" for name, said in sorted(record["versions"].items()))
    file = f"Settings: {record['file']}. " if record["file"] else ""
    return el("p", f"{file}Versions: {versions or 'not told'}. Record: {record['schema']}.")
