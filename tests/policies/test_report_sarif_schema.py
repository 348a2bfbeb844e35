"""SARIF by the schema of the standard, as classes that are made from it and allow nothing else."""

from __future__ import annotations

import json

import pytest
from fluidattacks_core.sarif import SarifLog
from hypothesis import given
from pydantic import ValidationError

from policies.report import sarif
from policies.report.record import build
from policies.report.shape import Record
from tests.policies.test_report_forms import FOUND, WAIVER
from tests.policies.test_report_record import HEADER, RECORDS, RULES


@given(RECORDS)
def test_any_record_is_sarif(record: Record) -> None:
    SarifLog.model_validate(json.loads(sarif.text(record)))


def test_the_schema_would_tell() -> None:
    log = json.loads(sarif.text(build(HEADER, RULES, FOUND, [WAIVER])))
    SarifLog.model_validate(log)
    log["runs"][0]["results"][0]["level"] = "high"
    with pytest.raises(ValidationError, match="level"):
        SarifLog.model_validate(log)
