from __future__ import annotations

import json
from typing import Any

from stacks.cli.events import Progress

READY = "pulumi-python:dynamic/cnai:Ready"


def pre(op: str, name: str, kind: str, at: int) -> dict[str, Any]:
    metadata = {"op": op, "urn": f"urn:pulumi:s::p::{kind}::{name}", "type": kind}
    return {"timestamp": at, "resourcePreEvent": {"metadata": metadata}}


def post(op: str, name: str, kind: str, at: int, **outputs: Any) -> dict[str, Any]:
    metadata = {"op": op, "urn": f"urn:pulumi:s::p::{kind}::{name}", "type": kind}
    return {
        "timestamp": at,
        "resOutputsEvent": {"metadata": {**metadata, "new": {"outputs": outputs}}},
    }


def test_a_gate_that_held_is_told_with_its_evidence_and_its_time() -> None:
    progress = Progress()
    progress.feed(pre("create", "kueue/proof", READY, 10))
    evidence = json.dumps({"a job completes": "Complete after 3 s"})
    assert progress.feed(post("create", "kueue/proof", READY, 14, evidence=evidence)) == [
        "kueue works (4 s)",
        "    a job completes: Complete after 3 s",
    ]


def test_answering_and_working_are_two_words() -> None:
    progress = Progress()
    progress.feed(pre("create", "kueue/ready", READY, 0))
    assert progress.feed(post("create", "kueue/ready", READY, 1)) == ["kueue answers (1 s)"]


def test_what_did_not_change_is_not_told() -> None:
    progress = Progress()
    progress.feed(pre("same", "kueue/proof", READY, 0))
    assert progress.feed(post("same", "kueue/proof", READY, 1)) == []


def test_changes_are_counted_without_what_stayed() -> None:
    progress = Progress()
    progress.feed({"summaryEvent": {"resourceChanges": {"same": 5, "create": 2, "delete": 1}}})
    assert (progress.changed, progress.resources) == (3, 7)


def test_errors_are_kept_once_and_warnings_are_not() -> None:
    progress = Progress()
    for severity in ("error", "error", "warning"):
        progress.feed({"diagnosticEvent": {"severity": severity, "message": "  broken\n"}})
    assert progress.errors == ["broken"]


def test_only_mandatory_violations_count() -> None:
    progress = Progress()
    for level in ("mandatory", "advisory"):
        told = {
            "policyName": "cnai-mandatory",
            "enforcementLevel": level,
            "resourceUrn": "urn:x::web",
            "message": "CNAI-SUP-001: no tag\n",
        }
        progress.feed({"policyEvent": told})
    assert progress.violations == ["web: CNAI-SUP-001: no tag"]
