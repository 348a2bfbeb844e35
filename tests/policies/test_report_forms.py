"""The forms that programs and terminals read: JUnit's XML, OpenReports, and plain text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any
from xml.etree import ElementTree as Xml

import yaml
from hypothesis import given

from policies.catalog import Gate
from policies.report import junit, openreports, summary
from policies.report.record import build
from policies.report.shape import Record
from policies.waivers import Waiver
from tests.policies.test_report_record import HEADER, RECORDS, RULES, finding, recorded

WAIVER = Waiver(
    rule="CNAI-XXX-002",
    resource="vision/*",
    owner="ada",
    reason="the publisher has no tags",
    ticket="PLAT-7",
    expires=date(2026, 12, 31),
)
FOUND = (
    finding(1, "fail"),
    finding(1, "pass", "mlflow/server", team=None),
    finding(2, "fail", waived="PLAT-7"),
    finding(3, "fail"),
    finding(5, "undecided", gate=Gate.PACK),
    finding(4, "pass", "", gate=Gate.SETTINGS, type="", team=None),
)
RECORD = build(HEADER, RULES, FOUND, [WAIVER])


def cases(record: Record) -> dict[str, list[Xml.Element]]:
    """Cases by what they have in them: failure, skipped, or nothing."""
    found: dict[str, list[Xml.Element]] = {"failure": [], "skipped": [], "": []}
    for case in Xml.fromstring(junit.text(record)).iter("testcase"):
        found[case[0].tag if len(case) else ""].append(case)
    return found


def test_junit_has_a_suite_for_each_gate_and_a_case_for_each_finding() -> None:
    root = Xml.fromstring(junit.text(RECORD))
    assert [suite.get("name") for suite in root] == [gate.value for gate in Gate]
    state = root[2]
    assert (state.get("tests"), state.get("failures"), state.get("skipped")) == ("4", "2", "1")
    found = cases(RECORD)
    failed, advice = found["failure"]
    assert failed.get("classname") == "CNAI-XXX-001"
    assert failed.get("name") == "Rule 1: vision/train (Deployment)"
    assert failed[0].attrib == {"message": "a place is wrong", "type": "medium"}
    assert failed[0].text == "a place is wrong\nDo so."
    assert advice.get("classname") == "CNAI-XXX-003"
    assert [case[0].get("message") for case in found["skipped"]] == [
        "undecided: a place is wrong",
        "waived by PLAT-7 of ada until 2026-12-31: a place is wrong",
        "not run: no cluster was given",
    ]
    assert "Rule 4: settings" in [case.get("name") for case in found[""]]


@given(RECORDS)
def test_junit_is_xml_whose_numbers_add_up(record: Record) -> None:
    root = Xml.fromstring(junit.text(record))
    found, counts = cases(record), record["counts"]
    missing = sum(not gate["ran"] for gate in record["gates"])
    assert len(found["failure"]) == counts["failed"] == int(root.get("failures", ""))
    assert len(found["skipped"]) == counts["waived"] + counts["undecided"] + missing
    assert len(found[""]) == counts["passed"]
    for suite in root:
        assert suite.get("tests") == str(len(suite))
    failures = [f for f in record["findings"] if f["outcome"] == "failed"]
    said = sorted("; ".join(failure["messages"]) for failure in failures)
    assert said == sorted(case[0].get("message", "") for case in found["failure"])


# The fields of the API, by its types; `resources` is how a result's subjects are written.
REPORT = {
    *("apiVersion", "kind", "metadata", "source", "scope", "configuration", "summary", "results"),
}
RESULT = {
    *("policy", "rule", "result", "severity", "category", "scored", "message", "resources"),
    *("properties", "timestamp"),
}


def results(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["rule"]: result for result in report["results"]}


def test_a_team_has_a_report_and_the_rest_is_the_clusters() -> None:
    vision, cluster = openreports.objects(RECORD)
    assert (vision["apiVersion"], vision["kind"]) == ("openreports.io/v1alpha1", "Report")
    assert vision["metadata"]["namespace"] == vision["scope"]["name"] == "vision"
    assert vision["summary"] == {"pass": 0, "fail": 1, "warn": 1, "error": 1, "skip": 1}
    assert cluster["kind"] == "ClusterReport"
    assert "namespace" not in cluster["metadata"]
    assert cluster["summary"] == {"pass": 2, "fail": 0, "warn": 0, "error": 0, "skip": 0}
    assert cluster["results"] == [], "what passed is only counted"


def test_a_result_has_the_words_of_openreports() -> None:
    found = results(openreports.objects(RECORD)[0])
    assert {rule: result["result"] for rule, result in found.items()} == {
        "CNAI-XXX-001": "fail",
        "CNAI-XXX-002": "skip",
        "CNAI-XXX-003": "warn",
        "CNAI-XXX-005": "error",
    }
    assert [rule for rule, result in found.items() if result["scored"]] == ["CNAI-XXX-001"]
    failed = found["CNAI-XXX-001"]
    assert failed["category"] == "CIS 1.0"
    assert failed["timestamp"] == {"seconds": 1795387200, "nanos": 0}
    assert failed["properties"]["resource"] == "vision/train"
    assert "resources" not in failed, "the name in a program is no name in a cluster"
    waiver = found["CNAI-XXX-002"]["properties"]["waiver"]
    assert waiver == "PLAT-7 of ada until 2026-12-31: the publisher has no tags"


def test_what_is_live_is_named_as_the_cluster_names_it() -> None:
    pod = "kubernetes:core/v1:Pod"
    record = recorded(
        finding(1, "fail", gate=Gate.LIVE),
        finding(2, "fail", "system:node", gate=Gate.LIVE, type=pod),
    )
    found = results(openreports.objects(record)[0])
    assert found["CNAI-XXX-001"]["resources"] == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "train", "namespace": "vision"}
    ]
    assert found["CNAI-XXX-002"]["resources"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "system:node"}
    ]


def test_a_report_stays_small_enough_for_a_cluster() -> None:
    many = [finding(3, "fail", f"vision/{n}") for n in range(openreports.MOST)]
    vision = openreports.objects(recorded(*many, finding(5, "fail")))[0]
    assert len(vision["results"]) == openreports.MOST
    assert vision["results"][0]["rule"] == "CNAI-XXX-005", "the worst first"
    assert vision["summary"]["warn"] == openreports.MOST
    assert vision["configuration"]["limits"]["maxResults"] == openreports.MOST


@given(RECORDS)
def test_openreports_are_objects_whose_numbers_add_up(record: Record) -> None:
    reports = list(yaml.safe_load_all(openreports.text(record)))
    assert reports == openreports.objects(record)
    counts, summed = record["counts"], [report["summary"] for report in reports]
    assert sum(s["pass"] for s in summed) == counts["passed"]
    assert sum(s["fail"] + s["warn"] for s in summed) == counts["failed"]
    assert sum(s["skip"] for s in summed) == counts["waived"]
    assert sum(s["error"] for s in summed) == counts["undecided"]
    for each in reports:
        assert set(each) <= REPORT
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", each["metadata"]["name"])
        for result in each["results"]:
            assert set(result) <= RESULT
            assert all(isinstance(value, str) for value in result["properties"].values())


def test_the_terminal_has_two_lines_for_each_open_failure() -> None:
    assert summary.text(RECORD) == (
        "vision-kind  Not passed: 2 failures are open, 1 waived, 1 undecided\n"
        "2 open (1 of them advice), 1 waived, 1 undecided, 2 passed, score 50%\n"
        "\n"
        "GATE          FAILED    WAIVED UNDECIDED    PASSED\n"
        "settings           0         0         0         1\n"
        "pack               0         0         1         0\n"
        "state              2         1         0         1\n"
        "admission          0         0         0         0\n"
        "live        not run: no cluster was given\n"
        "\n"
        "✗ CNAI-XXX-001 (medium)  vision/train (Deployment), at state: a place is wrong\n"
        "    Do so.\n"
        "✗ CNAI-XXX-003 (advice)  vision/train (Deployment), at state: a place is wrong\n"
        "    Do so.\n"
        "\n"
        "~ CNAI-XXX-002  vision/train (Deployment): waived by PLAT-7 of ada until 2026-12-31\n"
    )


def test_the_terminal_tells_the_worst_first_and_not_all_of_thousands() -> None:
    many = [finding(1, "fail", f"vision/{n}") for n in range(100)]
    said = summary.text(recorded(finding(3, "fail"), *many, finding(2, "fail")), most=3)
    assert re.findall(r"✗ CNAI-XXX-(...) \((\w+)", said) == [
        *(("002", "high"), ("001", "medium"), ("001", "medium"))
    ]
    assert "  and 99 more\n" in said


def test_the_terminal_tells_what_is_wrong_with_waivers_and_what_scanners_found() -> None:
    header = replace(HEADER, scans={"trivy": {"high": 3, "pass": 1}})
    said = summary.text(build(header, RULES, [], notes=["the waiver PLAT-7 was over"]))
    assert "Not passed: 1 waiver is not in order\n" in said
    assert "! the waiver PLAT-7 was over\n" in said
    assert "trivy: 3 high, 1 pass\n" in said


@given(RECORDS)
def test_the_terminal_is_told_signs_and_lines_only(record: Record) -> None:
    assert all(line.isprintable() for line in summary.text(record).split("\n"))
