"""The report in SARIF 2.1.0, for whatever shows results of checks beside code. Pure.

Results are failures only. Those who show SARIF take every result for a problem, whatever its kind:
what passed is in report.json, and what is undecided is told as notifications of the run.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from policies.report.shape import FindingEntry, Record, RuleEntry, asked, borne

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
# In the middle of the ranges by which such numbers are read as severities again.
SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}


def text(record: Record) -> str:
    """Return the JSON."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(record)]}
    return json.dumps(log, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _run(record: Record) -> dict[str, Any]:
    rules = {rule["id"]: (index, rule) for index, rule in enumerate(record["rules"])}
    driver: dict[str, Any] = {"name": "cnai", "rules": [_rule(rule) for rule in record["rules"]]}
    if version := record["versions"].get("cnai"):
        driver["version"] = version
    undecided = [
        {
            "level": "note",
            "message": {"text": f"Undecided: {_said(finding)}"},
            "associatedRule": {"id": finding["rule"], "index": rules[finding["rule"]][0]},
            "locations": [_location(finding, record)],
        }
        for finding in record["findings"]
        if finding["outcome"] == "undecided"
    ]
    missing = [
        f"The gate {gate['gate']} was not run: {gate['reason']}"
        for gate in record["gates"]
        if not gate["ran"]
    ]
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"cnai/{record['stack']}/"},
        "invocations": [
            {
                "executionSuccessful": True,
                "endTimeUtc": record["date"],
                "toolExecutionNotifications": undecided,
                "toolConfigurationNotifications": [
                    {"level": "warning", "message": {"text": said}}
                    for said in [*missing, *record["notes"]]
                ],
            }
        ],
        "results": [
            _result(finding, *rules[finding["rule"]], record)
            for finding in record["findings"]
            if finding["outcome"] in ("failed", "waived")
        ],
        "properties": {"stack": record["stack"], "versions": record["versions"]},
    }


def _rule(rule: RuleEntry) -> dict[str, Any]:
    return {
        "id": rule["id"],
        "shortDescription": {"text": rule["title"]},
        "fullDescription": {"text": rule["rationale"]},
        "help": {"text": rule["remedy"]},
        "defaultConfiguration": {"level": LEVELS[rule["severity"]]},
        "properties": {
            # A set, by the standard.
            "tags": sorted({"security", *asked(rule)}),
            "security-severity": SCORES[rule["severity"]],
            "scope": rule["scope"],
            "mandatory": rule["mandatory"],
        },
    }


def _result(finding: FindingEntry, index: int, rule: RuleEntry, record: Record) -> dict[str, Any]:
    # The same failure at another gate is the same.
    about = json.dumps([finding["rule"], finding["type"], finding["resource"], record["stack"]])
    return {
        "ruleId": rule["id"],
        "ruleIndex": index,
        "kind": "fail",
        "level": LEVELS[rule["severity"]],
        "message": {"text": _said(finding)},
        "locations": [_location(finding, record)],
        "partialFingerprints": {"cnai/v1": hashlib.sha256(about.encode()).hexdigest()},
        # On every result or on none, by the standard.
        "suppressions": _suppressions(finding),
        "properties": {"gate": finding["gate"], "team": finding["team"] or ""},
    }


def _suppressions(finding: FindingEntry) -> list[dict[str, str]]:
    waiver = finding["waiver"]
    if not waiver:
        return []
    why = f"{borne(waiver)}: {waiver['reason']}" if waiver["reason"] else borne(waiver)
    # Without a status it counts as accepted; schemas of the standard have called that differently.
    return [{"kind": "external", "justification": why}]


def _location(finding: FindingEntry, record: Record) -> dict[str, Any]:
    """Return the resource, and the settings of its stack where they are known.

    Some who show SARIF refuse a whole file for one result that is in no file.
    """
    name = finding["resource"] or record["stack"]
    full = "::".join(part for part in (finding["type"], name) if part)
    kind = "resource" if finding["resource"] else "module"
    location: dict[str, Any] = {
        "logicalLocations": [{"name": name, "fullyQualifiedName": full, "kind": kind}]
    }
    if record["file"]:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": quote(record["file"])},
            "region": {"startLine": 1},
        }
    return location


def _said(finding: FindingEntry) -> str:
    return "; ".join(finding["messages"]) + "."
