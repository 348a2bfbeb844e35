"""The scripts that the Trivy addon puts into its pods."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType
from typing import Any

import pytest

from addons import FILES

SEVERITIES = frozenset({"HIGH", "CRITICAL"})


@pytest.fixture
def findings() -> ModuleType:
    return loaded("findings")


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("cluster", "findings"):
        monkeypatch.setitem(sys.modules, name, loaded(name))
    return loaded("scan")


def loaded(name: str) -> ModuleType:
    """A script by its file, the way that a pod has it beside the others."""
    spec = importlib.util.spec_from_file_location(name, FILES / "trivy" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(status: str, severity: str) -> dict[str, str]:
    return {"ID": "KSV017", "Status": status, "Severity": severity, "Title": "Privileged"}


def test_only_what_failed_and_counts_is_reported(findings: ModuleType) -> None:
    result = {
        "Misconfigurations": [check("FAIL", "HIGH"), check("PASS", "HIGH"), check("FAIL", "LOW")]
    }
    (found,) = findings.misconfigurations(result, SEVERITIES)
    assert (found["policy"], found["severity"], found["result"]) == ("KSV017", "high", "fail")


def test_a_report_on_a_secret_does_not_repeat_it(findings: ModuleType) -> None:
    secret = {
        "RuleID": "aws-access-key-id",
        "Severity": "CRITICAL",
        "Title": "AWS Access Key ID",
        "StartLine": 3,
        "Match": "AKIAXXXXXXXX",
    }
    (found,) = findings.secrets({"Secrets": [secret]}, "/app/.env")
    assert found["message"] == "AWS Access Key ID in /app/.env, line 3"
    assert "AKIA" not in json.dumps(found)


def test_what_was_not_looked_at_is_said(findings: ModuleType) -> None:
    made = findings.report("n", "Image", "ref", [findings.unknown("vulnerability", "no database")])
    assert made["kind"] == "ClusterReport"
    assert made["summary"] == {"pass": 0, "warn": 0, "error": 0, "fail": 0, "skip": 1}
    assert made["results"][0]["message"] == "not scanned: no database"


class Bucket(dict[str, bytes]):
    def put(self, key: str, body: bytes) -> None:
        self[key] = body


def test_an_image_is_scanned_once(scan: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def image(ref: str) -> tuple[bytes, bytes]:
        asked.append(ref)
        return json.dumps({"Results": []}).encode(), b"{}"

    monkeypatch.setattr(scan, "image", image)
    store, digest = Bucket(), "a" * 64
    for _ in range(2):
        made = scan.on_image(store, digest, "x:1", late=False, missing="no database")
    assert asked == ["x:1"]
    assert set(store) == {f"images/{digest}/report.json", f"images/{digest}/sbom.cdx.json"}
    assert [r["message"] for r in made["results"]] == ["not scanned: no database"]


def test_an_image_that_has_to_wait_is_not_called_clean(scan: ModuleType) -> None:
    made = scan.on_image(Bucket(), "a" * 64, "x:1", late=True, missing=None)
    assert made["summary"]["skip"] == 1


def test_simulated_nodes_run_no_image(scan: ModuleType) -> None:
    def pod(image_id: str) -> dict[str, Any]:
        status = {"containerStatuses": [{"name": "main", "imageID": image_id}]}
        return {"spec": {"containers": [{"name": "main", "image": "x:1"}]}, "status": status}

    class Pods:
        def list(self, _: str) -> list[dict[str, Any]]:
            return [pod(""), pod("x@sha256:" + "b" * 64), {"spec": {"containers": []}}]

    assert scan.running(Pods()) == {"b" * 64: "x:1"}
