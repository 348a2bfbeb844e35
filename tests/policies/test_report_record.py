from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from policies import report
from policies.audit import Finding
from policies.catalog import Framework, Gate, Rule, Scope, Severity, rules
from policies.ground import Ground, Resource
from policies.report import json_report
from policies.report.record import NO_SIGN, Header, build
from policies.report.score import Standing, of_finding, of_rule, score
from policies.report.shape import Record
from policies.verdict import PASS, Outcome, Verdict
from policies.waivers import Waiver

SCHEMA = json.loads(Path(report.__file__).with_name("report.schema.json").read_text())
VALID = Draft202012Validator(SCHEMA)
HEADER = Header(
    stack="vision-kind",
    date=datetime(2026, 11, 22, 22, 40, tzinfo=UTC),
    versions={"cnai": "0.1.0", "kubernetes": "1.37"},
    not_run={Gate.LIVE: "no cluster was given"},
)


def passes(_: Resource, __: Ground) -> Verdict:
    return PASS


def rule(number: int, *frameworks: str, mandatory: bool = True) -> Rule:
    return Rule(
        id=f"CNAI-XXX-{number:03}",
        title=f"Rule {number}",
        severity=list(Severity)[number % 4],
        scope=Scope.CLUSTER,
        types=("kubernetes:*",),
        frameworks=tuple(Framework(name, "1.0", f"{number}.1") for name in frameworks),
        rationale="It is so.",
        remedy="Do so.",
        check=passes,
        mandatory=mandatory,
    )


RULES = [
    rule(1, "CIS"),
    rule(2, "CIS", "NSA", "CIS"),
    rule(3, "NSA", mandatory=False),
    rule(4),
    rule(5, "CIS"),
]
OUTCOMES = {"pass": Outcome.PASS, "fail": Outcome.FAIL, "undecided": Outcome.UNDECIDED}


def finding(number: int, outcome: str, resource: str = "vision/train", **more: Any) -> Finding:
    said = {"gate": Gate.STATE, "type": "kubernetes:apps/v1:Deployment", "team": "vision", **more}
    messages = () if outcome == "pass" else ("a place is wrong",)
    return Finding(
        **{
            "rule": f"CNAI-XXX-{number:03}",
            "resource": resource,
            "outcome": OUTCOMES[outcome],
            "messages": messages,
            **said,
        }
    )


def recorded(*found: Finding, notes: tuple[str, ...] = ()) -> Record:
    return build(HEADER, RULES, found, notes=notes)


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'; alert(1) //",
        "</style></script><!--",
        "&amp; ]]> <![CDATA[",
        "\x1b[2J\x07\u202egnp.exe\u0000",
        "--- !!python/object:os.system\n- x",
        "x" * 5000,
        "",
    ]
)
WORDS = HOSTILE | st.text(max_size=20)
FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from([each.id for each in RULES]),
    gate=st.sampled_from(list(Gate)),
    resource=WORDS,
    outcome=st.sampled_from(list(Outcome)),
    messages=st.lists(WORDS, max_size=3).map(tuple),
    type=WORDS | st.just("kubernetes:core/v1:Pod"),
    team=st.none() | st.sampled_from(["vision", "speech"]) | WORDS,
    waived=st.none() | WORDS,
)
RECORDS = st.builds(
    build,
    st.builds(
        Header,
        stack=WORDS,
        date=st.just(HEADER.date),
        versions=st.dictionaries(WORDS, WORDS, max_size=3),
        not_run=st.dictionaries(st.sampled_from(list(Gate)), WORDS, max_size=2),
        file=WORDS,
        scans=st.dictionaries(
            WORDS, st.dictionaries(WORDS, st.integers(min_value=0), max_size=2), max_size=2
        ),
    ),
    st.just(RULES),
    st.lists(FINDINGS, max_size=12),
    notes=st.lists(WORDS, max_size=2),
)
"""Records of anything at all."""


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_rules_of_the_catalogue_make_a_record() -> None:
    VALID.validate(build(HEADER, rules(), []))


@given(RECORDS)
def test_any_record_is_valid(record: Record) -> None:
    VALID.validate(json.loads(json_report.text(record)))
    for text in texts(record):
        assert text.isprintable()


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in texts(each)]


@given(RECORDS)
def test_numbers_add_up(record: Record) -> None:
    counts, findings = record["counts"], record["findings"]
    assert sum(counts.values()) == len(findings)  # type: ignore[arg-type]
    for name, count in counts.items():
        assert count == sum(f["outcome"] == name for f in findings)
        assert count == sum(each["counts"][name] for each in record["rules"])  # type: ignore[literal-required]
        assert count == sum(each["counts"][name] for each in record["gates"])  # type: ignore[literal-required]
    totals: list[tuple[Any, int]] = [(record["score"], len(RULES))]
    totals += [(team, len(RULES)) for team in record["teams"]]
    for of in record["frameworks"]:
        served = [rule for rule in RULES if of["name"] in {each.name for each in rule.frameworks}]
        totals.append((of, len(served)))
    for each, total in totals:
        assert sum(each[name.value] for name in Standing) == total
        assert (each["percent"] == 100) <= (each["failed"] == 0)
    assert {f["team"] for f in findings} == {each["team"] for each in record["teams"]}
    assert record["advice"] <= counts["failed"]


@given(st.lists(FINDINGS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(found: list[Finding], dice: random.Random) -> None:
    shuffled = dice.sample(found, len(found))
    one, other = recorded(*found), recorded(*shuffled)
    assert json_report.text(one) == json_report.text(other)


@given(st.lists(FINDINGS, max_size=8))
def test_what_is_undecided_is_never_passed(found: list[Finding]) -> None:
    undecided = [f for f in found if f.outcome is Outcome.UNDECIDED]
    assert of_rule(undecided) is (Standing.UNDECIDED if undecided else Standing.NOTHING)
    assert score([of_rule(undecided)])["percent"] is None


def test_a_rule_is_as_its_worst_finding() -> None:
    passed, undecided = finding(1, "pass", "a"), finding(1, "undecided", "b")
    borne, failed = finding(1, "fail", "c", waived="PLAT-7"), finding(1, "fail", "d")
    assert of_rule([]) is Standing.NOTHING
    assert of_rule([passed]) is Standing.PASSED
    assert of_rule([passed, borne]) is Standing.WAIVED
    assert of_rule([passed, borne, undecided]) is Standing.UNDECIDED
    assert of_rule([passed, borne, undecided, failed]) is Standing.FAILED
    assert of_finding(borne) is Standing.WAIVED


def test_a_later_gate_decides_and_an_earlier_one_does_not() -> None:
    early = finding(1, "undecided", gate=Gate.PACK)
    assert of_rule([early, finding(1, "pass", gate=Gate.STATE)]) is Standing.PASSED
    late = finding(1, "undecided", gate=Gate.LIVE)
    assert of_rule([late, finding(1, "pass", gate=Gate.STATE)]) is Standing.UNDECIDED
    other = finding(1, "pass", "vision/other", gate=Gate.STATE)
    assert of_rule([early, other]) is Standing.UNDECIDED


@pytest.mark.parametrize(
    ("standings", "percent"),
    [
        ([], None),
        (["undecided", "nothing"], None),
        (["passed", "undecided", "nothing"], 100),
        (["passed", "waived", "failed"], 66),
        (["passed"] * 999 + ["failed"], 99),
        (["failed"], 0),
    ],
)
def test_the_score_counts_what_is_decided(standings: list[str], percent: int | None) -> None:
    assert score(Standing(each) for each in standings)["percent"] == percent


def test_a_framework_counts_each_of_its_rules_once() -> None:
    record = recorded(finding(1, "fail"), finding(2, "pass", "a"), finding(2, "pass", "b"))
    cis, nsa = record["frameworks"]
    assert (cis["name"], cis["percent"], cis["passed"], cis["nothing"]) == ("CIS", 50, 1, 1)
    assert (nsa["name"], nsa["percent"], nsa["nothing"]) == ("NSA", 100, 1)


def test_a_team_has_a_score_of_its_own() -> None:
    record = recorded(
        finding(1, "fail"), finding(1, "pass", team="speech"), finding(2, "pass", team=None)
    )
    told = [(each["team"], each["percent"]) for each in record["teams"]]
    assert told == [("speech", 100), ("vision", 0), (None, 100)]


def test_what_is_open_decides_the_result() -> None:
    assert recorded()["result"] == "undecided"
    assert recorded(finding(1, "undecided"))["result"] == "undecided"
    assert recorded(finding(1, "pass"), finding(1, "undecided", "b"))["result"] == "passed"
    assert recorded(finding(1, "fail", waived="PLAT-7"))["result"] == "passed"
    assert recorded(finding(3, "fail"))["result"] == "passed", "advice stops nothing"
    assert recorded(finding(3, "fail"))["advice"] == 1
    assert recorded(finding(1, "fail"), finding(2, "pass"))["result"] == "failed"
    assert recorded(finding(1, "pass"), notes=("a waiver is over",))["result"] == "failed"


def test_a_waiver_says_who_bears_a_failure() -> None:
    said = {"rule": "CNAI-XXX-001", "owner": "ada", "reason": "soon gone", "ticket": "PLAT-7"}
    over = Waiver(resource="vision/*", expires=date(2026, 11, 21), **{**said, "owner": "bob"})
    waiver = Waiver(resource="vision/*", expires=date(2026, 11, 22), **said)
    borne, elsewhere = (finding(1, "fail", at, waived="PLAT-7") for at in ("vision/a", "speech/a"))
    record = build(HEADER, RULES, [borne, elsewhere], [over, waiver])
    told = [f["waiver"] for f in record["findings"]]
    assert told == [
        {"ticket": "PLAT-7", "owner": "", "reason": "", "expires": ""},
        {"ticket": "PLAT-7", "owner": "ada", "reason": "soon gone", "expires": "2026-11-22"},
    ]


def test_a_gate_says_why_it_was_not_run() -> None:
    gates = recorded(finding(1, "fail"))["gates"]
    assert [gate["gate"] for gate in gates] == [gate.value for gate in Gate]
    assert [gate["reason"] for gate in gates if not gate["ran"]] == ["no cluster was given"]


def test_names_can_steer_nothing() -> None:
    record = recorded(finding(1, "fail", "a\x1b[2J\u202eb\nc\ud800"))
    assert record["findings"][0]["resource"] == f"a{NO_SIGN}[2J{NO_SIGN}b c{NO_SIGN}"
    assert recorded(finding(1, "fail", "Grüße/模型"))["findings"][0]["resource"] == "Grüße/模型"


def test_a_finding_of_no_rule_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="CNAI-XXX-999"):
        recorded(finding(999, "fail"))


def test_every_form_is_written(tmp_path: Path) -> None:
    record = recorded(finding(1, "fail"))
    files = report.write(record, tmp_path / "report")
    assert [file.name for file in files] == list(report.FORMS)
    assert json.loads(files[0].read_text()) == record
    again = report.write(record, tmp_path / "again")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
