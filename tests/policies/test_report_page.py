"""The page: whole without a script, safe whatever is in it, and readable by everyone."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from functools import cache
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given

from policies import report
from policies.catalog import Gate
from policies.report import controls, page
from policies.report.markup import VOID, Markup, el
from policies.report.record import build
from policies.report.shape import Record
from policies.report.words import MARKS
from tests.policies.test_report_forms import RECORD
from tests.policies.test_report_record import HEADER, RECORDS, RULES, finding, recorded

HERE = Path(report.__file__).parent
STYLE, SCRIPT = ((HERE / name).read_text() for name in ("page.css", "page.js"))


class Page(HTMLParser):
    """A page as a strict reader sees it: every element ends where it should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] in (["script"], ["style"]) else self.said).append(data)

    @property
    def text(self) -> str:
        return "".join(self.said)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@cache
def read(text: str) -> Page:
    return Page(text)


def shown(record: Record) -> Page:
    return read(page.text(record))


@given(RECORDS)
def test_any_record_makes_a_page_that_says_all_of_it(record: Record) -> None:
    made = page.text(record)
    read = Page(made)
    for each in record["findings"]:
        assert escape(each["resource"]) in made
        assert each["resource"] in read.text
        if each["outcome"] != "passed":
            assert all(escape(message) in made for message in each["messages"])
            assert all(message in read.text for message in each["messages"])
    for note in record["notes"]:
        assert note in read.text
    # What is in the data is never markup, and never where markup could be.
    assert read.scripts == [STYLE, SCRIPT]
    assert {tag for tag, _ in read.elements} <= {tag for tag, _ in shown(RECORD).elements} | {"em"}
    for _, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert (attributes.get("href") or "#").startswith("#")


def test_a_control_says_its_rule_gates_resource_evidence_remedy_and_waiver() -> None:
    read = shown(RECORD)
    for rule in RULES:
        assert f"{rule.id} {rule.title}" in read.text
        assert rule.remedy in read.text
        assert ", ".join(gate.value for gate in rule.gates) in read.text
    waived = "Waived by PLAT-7 of ada until 2026-12-31: the publisher has no tags"
    assert waived in read.text
    assert "not run: no cluster was given" in read.text


def test_what_matters_is_said_first() -> None:
    text = shown(RECORD).text
    order = [
        "Not passed: 2 failures are open, 1 waived, 1 undecided",
        "Scores",
        "Gates",
        "Open failures",
        "Passed 1",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)


def test_what_failed_is_open_and_what_passed_is_folded() -> None:
    folds = {a["data-standing"]: "open" in a for a in shown(RECORD).all("details") if "id" in a}
    assert folds == {"failed": True, "undecided": True, "waived": True, "passed": False}
    nothing = shown(recorded(finding(1, "pass"))).all("details")
    assert {a["data-standing"] for a in nothing if "id" in a} == {"passed", "nothing"}


def test_five_thousand_findings_stay_usable() -> None:
    gates = (Gate.PACK, Gate.STATE)
    passed = [finding(1, "pass", f"vision/{n}", gate=gates[n % 2]) for n in range(4000)]
    failed = [finding(2, "fail", f"vision/{n}") for n in range(1000)]
    made = page.text(recorded(*passed, *failed))
    read = Page(made)
    assert len(made) < 2_000_000
    assert "4,000 passed" in read.text
    assert f"{1000 - controls.MOST:,} more" in read.text
    assert sum("data-outcome" in attributes for _, attributes in read.elements) == 5000
    assert "1,000" in read.text


def test_the_page_needs_nothing_and_allows_nothing_but_its_own() -> None:
    made = page.text(RECORD)
    read = Page(made)
    policy = next(a["content"] for a in read.all("meta") if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for said in (STYLE, SCRIPT):
        digest = base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
        assert "</" not in said
    assert not re.search(r"url\(|@import|https?:|fetch|innerHTML|eval", STYLE + SCRIPT)
    assert "://" not in made
    assert not [a for _, a in read.elements if "src" in a]


def test_it_can_be_read_without_a_script() -> None:
    read = shown(RECORD)
    assert [a["id"] for _, a in read.elements if "hidden" in a] == ["find"], "the form alone"


def test_whoever_cannot_see_it_can_find_the_way() -> None:
    read = shown(RECORD)
    assert read.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(a.get("scope") in ("row", "col") for a in read.all("th"))
    named = [a["id"] for _, a in read.elements if "id" in a]
    assert len(named) == len(set(named))
    for _, attributes in read.elements:
        for key in ("aria-labelledby", "href"):
            if key in attributes:
                assert (attributes[key] or "").removeprefix("#") in named
    wide = [a for a in read.all("div") if a.get("class") == "wide"]
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in wide)


def test_colour_is_never_alone() -> None:
    read = shown(RECORD)
    for outcome, mark in MARKS.items():
        if outcome != "nothing":
            assert any(mark in said for said in read.said)
    assert len(set(MARKS.values())) == len(MARKS)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def palettes() -> list[dict[str, str]]:
    found = [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{([^}]+)\}", STYLE)
    ]
    light, dark, paper = found
    return [light, dark, {**light, **paper}]


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark", "paper"])
def test_contrast_is_that_of_aa(palette: dict[str, str]) -> None:
    words = ("text", "quiet", "link", *MARKS)
    for ground in ("page", "sheet", "raised"):
        for word in words:
            assert contrast(palette[word], palette[ground]) >= 4.5, f"{word} on {ground}"
    for ground in ("page", "sheet"):
        assert contrast(palette["edge"], palette[ground]) >= 3, f"the edge of a field on {ground}"


def test_scanners_and_versions_are_told() -> None:
    header = replace(HEADER, scans={"trivy": {"critical": 0, "high": 1200}}, file="stacks/a.yaml")
    text = shown(build(header, RULES, [])).text
    assert "trivy0 critical, 1,200 high" in text
    assert "Settings: stacks/a.yaml. Versions: cnai 0.1.0, kubernetes 1.37." in text


def test_an_element_escapes_whatever_is_not_markup() -> None:
    inner = el("b", "<i>", None, "")
    assert el("p", inner, "&", Markup("<br>"), class_="\"'", hidden=True, data_x=0, title=None) == (
        '<p class="&quot;&#x27;" hidden data-x="0"><b>&lt;i&gt;</b>&amp;<br></p>'
    )
