"""SARIF, by the standard's own schema and by what its readers are known to do with it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given

from policies.catalog import Gate
from policies.report import sarif
from policies.report.record import build
from policies.report.shape import Record
from tests.policies.test_report_forms import FOUND, RECORD, WAIVER
from tests.policies.test_report_record import HEADER, RECORDS, RULES, finding, recorded


def run(record: Record) -> dict[str, Any]:
    (found,) = json.loads(sarif.text(record))["runs"]
    assert isinstance(found, dict)
    return found


def results(record: Record) -> dict[str, dict[str, Any]]:
    return {result["ruleId"]: result for result in run(record)["results"]}


def test_rules_carry_their_remedy_and_no_address() -> None:
    driver = run(RECORD)["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("cnai", "0.1.0")
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in RULES]
    rule = driver["rules"][1]
    assert rule["help"] == {"text": "Do so."}
    assert "helpUri" not in rule
    assert rule["properties"]["tags"] == ["CIS 1.0: 2.1", "NSA 1.0: 2.1", "security"]


def test_results_are_failures_with_the_level_of_their_severity() -> None:
    found = results(RECORD)
    levels = {rule: result["level"] for rule, result in found.items()}
    assert levels == {
        "CNAI-XXX-001": "warning",
        "CNAI-XXX-002": "error",
        "CNAI-XXX-003": "error",
    }
    assert found["CNAI-XXX-001"]["message"] == {"text": "a place is wrong."}
    assert found["CNAI-XXX-001"]["suppressions"] == []
    assert results(recorded(finding(4, "fail")))["CNAI-XXX-004"]["level"] == "note"


def test_what_is_waived_is_suppressed_with_its_ticket() -> None:
    (suppression,) = results(RECORD)["CNAI-XXX-002"]["suppressions"]
    assert suppression == {
        "kind": "external",
        "justification": "PLAT-7 of ada until 2026-12-31: the publisher has no tags",
    }


def test_what_is_undecided_or_not_run_is_told_and_no_result() -> None:
    (invocation,) = run(RECORD)["invocations"]
    (undecided,) = invocation["toolExecutionNotifications"]
    assert undecided["associatedRule"] == {"id": "CNAI-XXX-005", "index": 4}
    assert undecided["message"] == {"text": "Undecided: a place is wrong."}
    (missing,) = invocation["toolConfigurationNotifications"]
    assert missing["message"] == {"text": "The gate live was not run: no cluster was given"}


def test_a_result_is_at_its_resource_and_in_the_settings_of_its_stack() -> None:
    (location,) = results(RECORD)["CNAI-XXX-001"]["locations"]
    assert location == {
        "logicalLocations": [
            {
                "name": "vision/train",
                "fullyQualifiedName": "kubernetes:apps/v1:Deployment::vision/train",
                "kind": "resource",
            }
        ]
    }
    header = replace(HEADER, file="stacks/Pulumi.kind.yaml")
    (location,) = results(build(header, RULES, FOUND, [WAIVER]))["CNAI-XXX-001"]["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {"uri": "stacks/Pulumi.kind.yaml"}
    settings = recorded(finding(1, "fail", "", gate=Gate.SETTINGS, type=""))
    (location,) = results(settings)["CNAI-XXX-001"]["locations"]
    assert location["logicalLocations"][0]["name"] == "vision-kind"


def test_a_failure_is_the_same_at_another_gate_and_another_elsewhere() -> None:
    prints = {
        result["partialFingerprints"]["cnai/v1"]
        for gate in (Gate.PACK, Gate.STATE)
        for result in run(recorded(finding(1, "fail", gate=gate)))["results"]
    }
    assert len(prints) == 1
    elsewhere = run(recorded(finding(1, "fail", "vision/other")))["results"][0]
    assert elsewhere["partialFingerprints"]["cnai/v1"] not in prints


@given(RECORDS)
def test_every_failure_is_a_result(record: Record) -> None:
    found, counts = run(record)["results"], record["counts"]
    assert len(found) == counts["failed"] + counts["waived"]
    assert sum(bool(result["suppressions"]) for result in found) == counts["waived"]
