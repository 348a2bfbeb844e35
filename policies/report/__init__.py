"""The report of an audit: one record, and every form that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from policies.report import json_report, junit, openreports, page, sarif
from policies.report.shape import Record

FORMS: dict[str, Callable[[Record], str]] = {
    "report.json": json_report.text,
    "junit.xml": junit.text,
    "report.sarif": sarif.text,
    "openreports.yaml": openreports.text,
    "report.html": page.text,
}
"""Every form, by the name of its file."""


def write(record: Record, folder: Path) -> list[Path]:
    """Write every form into a folder, which is made where it is missing; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, form in FORMS.items():
        path = folder / name
        path.write_text(form(record), encoding="utf-8")
        written.append(path)
    return written
