"""From what Trivy prints to the reports that people read. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Finding = dict[str, Any]
SOURCE = "trivy"
LABELS = {"app.kubernetes.io/managed-by": SOURCE}


def misconfigurations(result: dict[str, Any], severities: frozenset[str]) -> list[Finding]:
    """Return the checks of one file that failed."""
    return [
        _finding(
            found["ID"],
            "misconfiguration",
            found["Severity"],
            f"{found['Title']}: {found.get('Message', '')}",
            url=found.get("PrimaryURL", ""),
        )
        for found in result.get("Misconfigurations") or ()
        if found.get("Status") == "FAIL" and found["Severity"] in severities
    ]


def secrets(result: dict[str, Any], where: str) -> list[Finding]:
    """Return the secrets of one file; what they are is not repeated."""
    return [
        _finding(
            found["RuleID"],
            "exposed secret",
            found["Severity"],
            f"{found['Title']} in {where}, line {found.get('StartLine', '?')}",
        )
        for found in result.get("Secrets") or ()
    ]


def vulnerabilities(raw: dict[str, Any], severities: frozenset[str]) -> list[Finding]:
    """Return the known vulnerabilities of what is in an image."""
    return [
        _finding(
            found["VulnerabilityID"],
            "vulnerability",
            found["Severity"],
            f"{found['PkgName']} {found['InstalledVersion']}: {found.get('Title', '')}",
            fixed=found.get("FixedVersion", ""),
            url=found.get("PrimaryURL", ""),
        )
        for result in raw.get("Results") or ()
        for found in result.get("Vulnerabilities") or ()
        if found["Severity"] in severities
    ]


def unknown(policy: str, why: str) -> Finding:
    """Return the result that says what was not looked at, and why."""
    return {
        "source": SOURCE,
        "policy": policy,
        "category": policy,
        "result": "skip",
        "message": f"not scanned: {why}",
    }


def _finding(policy: str, category: str, severity: str, message: str, **more: str) -> Finding:
    made: Finding = {
        "source": SOURCE,
        "policy": policy,
        "category": category,
        "severity": severity.lower() if severity != "UNKNOWN" else "info",
        "result": "fail",
        "message": message[:500],
    }
    properties = {name: value for name, value in more.items() if value}
    return {**made, "properties": properties} if properties else made


def report(
    name: str,
    kind: str,
    scope: str,
    results: Iterable[Finding],
    *,
    namespace: str | None = None,
    passed: int = 0,
) -> dict[str, Any]:
    """Return the report on one thing: of its namespace, or of the cluster where it has none."""
    listed = list(results)
    counts = {word: sum(f["result"] == word for f in listed) for word in ("fail", "skip")}
    metadata: dict[str, Any] = {"name": name, "labels": LABELS}
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": "openreports.io/v1alpha1",
        "kind": "Report" if namespace else "ClusterReport",
        "metadata": metadata,
        "source": SOURCE,
        "scope": {"kind": kind, "name": scope, **({"namespace": namespace} if namespace else {})},
        "summary": {"pass": passed, "warn": 0, "error": 0, **counts},
        "results": listed,
    }
