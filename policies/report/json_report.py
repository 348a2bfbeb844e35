"""The report as JSON: the record itself. Its schema is report.schema.json."""

from __future__ import annotations

import json

from policies.report.shape import Record


def text(record: Record) -> str:
    """Return the same text for the same record."""
    return json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
