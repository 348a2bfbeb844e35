from __future__ import annotations

import json

import pytest
from kubernetes.dynamic.exceptions import DynamicApiError

from components import probe_runner, probes
from components.probe_runner import Outcome, _has, _until


def test_a_probe_is_plain_data() -> None:
    probe = probes.available("Deployment", "ns", "name")
    assert json.loads(json.dumps(probe.data())) == {
        "claim": "Deployment ns/name is available",
        "kind": "available",
        "args": {"kind": "Deployment", "namespace": "ns", "name": "name"},
        "timeout": probes.DEFAULT_TIMEOUT,
    }


def test_a_condition_holds_only_when_it_is_true() -> None:
    def status(value: str) -> dict[str, object]:
        return {"status": {"conditions": [{"type": "Ready", "status": value, "message": "m"}]}}

    assert _has(status("True"), "Ready") == Outcome(True, "Ready=True m")
    assert not _has(status("False"), "Ready").held
    assert not _has(status("True"), "Active").held
    assert _has({}, "Ready") == Outcome(False, "no condition yet")


def test_waiting_ends_with_what_was_seen_last() -> None:
    seen = iter([Outcome(False, "first"), Outcome(True, "second")])
    assert _until(lambda: next(seen), 5) == Outcome(True, "second")
    assert _until(lambda: Outcome(False, "never"), 0) == Outcome(False, "never")


def test_refused_means_refused_for_the_reason_that_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = probes.refused("no way past the queue", {"kind": "Job"}, contains="CNAI-GPU-001")

    def look(answer: DynamicApiError | None) -> bool:
        def show(*_: object) -> None:
            if answer:
                raise answer

        monkeypatch.setattr(probe_runner, "_show", show)
        return probe_runner._refused(None, probe.args).held

    def said(message: str) -> DynamicApiError:
        return DynamicApiError(Answer(message))

    assert look(said("denied: CNAI-GPU-001: it asks for an accelerator"))
    assert not look(said("no such namespace"))
    assert not look(None)


class Answer:
    """What the API server answers a refused request with."""

    status, reason = 403, "Forbidden"

    def __init__(self, body: str) -> None:
        self.body = body
        self.headers: dict[str, str] = {}
