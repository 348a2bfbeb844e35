from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components import probes
from components.api_server import RefusedError
from components.looks import LOOKS, Outcome
from components.looks import has_condition as _has
from components.probe_runner import _complete, until
from tools.errors import ProblemError


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
    assert until(lambda: next(seen), 5) == Outcome(True, "second")
    assert until(lambda: Outcome(False, "never"), 0) == Outcome(False, "never")


class Answering:
    """An API server that answers every request to create with a refusal, or with none."""

    def __init__(self, refusal: str | None) -> None:
        self.refusal = refusal

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool) -> Mapping[str, Any]:
        assert dry_run
        if self.refusal:
            raise RefusedError(403, "Forbidden", self.refusal)
        return manifest


def test_refused_means_refused_for_the_reason_that_is_claimed() -> None:
    probe = probes.refused("no way past the queue", {"kind": "Job"}, contains="CNAI-GPU-001")

    def holds(refusal: str | None) -> bool:
        server: Any = Answering(refusal)
        return LOOKS["refused"](server, probe.args).held

    assert holds("denied: CNAI-GPU-001: it asks for an accelerator")
    assert not holds("no such namespace")
    assert not holds(None)


class Failing:
    """An API server whose jobs fail at once."""

    def __init__(self) -> None:
        self.deleted = False

    def create(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        return manifest

    def find(self, *_: object) -> Mapping[str, Any]:
        failed = {"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}
        return {"status": {"conditions": [failed]}}

    def delete(self, _: Mapping[str, Any]) -> None:
        self.deleted = True
        raise RefusedError(404, "NotFound", "")


def test_what_failed_is_not_waited_for() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "namespace": "b"}}
    server: Any = Failing()
    with pytest.raises(ProblemError, match="BackoffLimitExceeded"):
        _complete(server, probes.completes("it works", job, timeout=3600).data())
    assert server.deleted
