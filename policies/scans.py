"""What scanners found, out of the reports that they leave in a cluster. Pure.

Reports are those of OpenReports, or of the working group's kind before it; both have these fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KINDS = (
    *(("openreports.io/v1alpha1", kind) for kind in ("Report", "ClusterReport")),
    *(("wgpolicyk8s.io/v1alpha2", kind) for kind in ("PolicyReport", "ClusterPolicyReport")),
)
"""The versions and kinds of reports that are read."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One result of a scanner: ``result`` is pass, fail, warn, error or skip."""

    source: str
    policy: str
    resource: str
    result: str
    severity: str
    message: str
    namespace: str | None = None


def of_reports(reports: Iterable[Mapping[str, Any]]) -> list[Scan]:
    """Return every result of every report, of which those that passed are often only counted."""
    found = []
    for report in reports:
        namespace = (report.get("metadata") or {}).get("namespace")
        scope = report.get("scope") or {}
        for result in report.get("results") or ():
            subjects = result.get("subjects") or result.get("resources") or [scope]
            found += [
                Scan(
                    source=str(result.get("source") or report.get("source") or "unknown"),
                    policy=str(result.get("rule") or result.get("policy") or ""),
                    resource="/".join(
                        str(part) for part in (subject.get("kind"), subject.get("name")) if part
                    ),
                    result=str(result.get("result") or "error"),
                    severity=str(result.get("severity") or "info"),
                    message=str(result.get("message") or result.get("description") or ""),
                    namespace=subject.get("namespace") or namespace,
                )
                for subject in subjects
            ]
    return found


def counted(scans: Iterable[Scan]) -> dict[str, dict[str, int]]:
    """Return, by source, how many results there are of each kind; failures by severity."""
    counts: dict[str, dict[str, int]] = {}
    for scan in scans:
        of = counts.setdefault(scan.source, {})
        word = scan.severity if scan.result == "fail" else scan.result
        of[word] = of.get(word, 0) + 1
    return counts
