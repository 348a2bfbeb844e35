"""The report as objects of OpenReports: one for each team's namespace, one for the rest. Pure.

What passed is counted and not listed, and so is what is over ``MOST``: an object of a cluster has
to stay small. Both are said in the object, as its contract has it; report.json has everything.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import yaml

from policies.report.shape import FindingEntry, Record, RuleEntry, borne

VERSION = "openreports.io/v1alpha1"
SOURCE = "cnai"
MOST = 1000
"""How many results an object lists."""
LIVE = "live"
KUBERNETES = "kubernetes:"
WORST_FIRST = ("fail", "warn", "error", "skip")


def text(record: Record) -> str:
    """Return the objects as YAML."""
    return yaml.dump_all(
        objects(record),
        # Thousands of results take the slower one many seconds.
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        sort_keys=False,
        allow_unicode=True,
        width=1000,
        explicit_start=True,
    )


def objects(record: Record) -> list[dict[str, Any]]:
    """Return a Report for each team that something was found of, then the ClusterReport."""
    teams = sorted({finding["team"] for finding in record["findings"] if finding["team"]})
    return [_report(record, team) for team in [*teams, None]]


def _report(record: Record, team: str | None) -> dict[str, Any]:
    rules = {rule["id"]: rule for rule in record["rules"]}
    found = [
        (_word(finding, rules[finding["rule"]]), finding)
        for finding in record["findings"]
        if finding["team"] == team
    ]
    words = [word for word, _ in found]
    listed = [(word, finding) for kind in WORST_FIRST for word, finding in found if word == kind]
    metadata: dict[str, Any] = {
        "name": _name(f"cnai-{record['stack']}"),
        "labels": {"app.kubernetes.io/part-of": "cnai"},
    }
    if team is not None:
        metadata["namespace"] = team
    report: dict[str, Any] = {
        "apiVersion": VERSION,
        "kind": "ClusterReport" if team is None else "Report",
        "metadata": metadata,
        "source": SOURCE,
        "configuration": {"limits": {"maxResults": MOST, "statusFilter": list(WORST_FIRST)}},
        "summary": {word: words.count(word) for word in ("pass", *WORST_FIRST)},
        "results": [
            _result(word, finding, rules[finding["rule"]], record)
            for word, finding in listed[:MOST]
        ],
    }
    if team is not None:
        report["scope"] = {"apiVersion": "v1", "kind": "Namespace", "name": team}
    return report


def _word(finding: FindingEntry, rule: RuleEntry) -> str:
    """Return the word of OpenReports: ``warn`` is for advice, ``error`` for what is undecided."""
    if finding["outcome"] == "failed":
        return "fail" if rule["mandatory"] else "warn"
    return {"passed": "pass", "waived": "skip", "undecided": "error"}[finding["outcome"]]


def _result(word: str, finding: FindingEntry, rule: RuleEntry, record: Record) -> dict[str, Any]:
    waiver, asked = finding["waiver"], rule["frameworks"]
    properties = {
        "gate": finding["gate"],
        "resource": finding["resource"],
        "type": finding["type"],
        "title": rule["title"],
        "remedy": rule["remedy"],
        "waiver": f"{borne(waiver)}: {waiver['reason']}" if waiver else "",
    }
    found: dict[str, Any] = {
        "policy": SOURCE,
        "rule": rule["id"],
        "result": word,
        "severity": rule["severity"],
        "category": f"{asked[0]['name']} {asked[0]['version']}" if asked else rule["scope"],
        "scored": word in ("pass", "fail"),
        "message": "; ".join(finding["messages"]),
        "properties": {key: value for key, value in properties.items() if value},
        "timestamp": {"seconds": _seconds(record["date"]), "nanos": 0},
    }
    # Elsewhere a resource has the name that the program gave it, which is no name in a cluster.
    if finding["gate"] == LIVE and finding["type"].startswith(KUBERNETES):
        found["resources"] = [_reference(finding)]
    return found


def _reference(finding: FindingEntry) -> dict[str, str]:
    api, _, kind = finding["type"].removeprefix(KUBERNETES).rpartition(":")
    namespace, _, name = finding["resource"].rpartition("/")
    found = {"apiVersion": api.removeprefix("core/"), "kind": kind, "name": name}
    return {**found, "namespace": namespace} if namespace else found


def _name(said: str) -> str:
    """Return a name that an object may have."""
    return re.sub(r"[^a-z0-9-]+", "-", said.lower())[:63].strip("-")


def _seconds(date: str) -> int:
    return int(datetime.fromisoformat(date).timestamp())
