"""What a workload tells in Prometheus' form is found by a label and collected."""

from __future__ import annotations

import pytest

from components.labels import METRICS
from tests.conformance import pods
from tests.conformance.case import Case
from tests.conformance.prometheus import asking, series, there

pytestmark = [pytest.mark.live, pytest.mark.conformance]
METRIC, VALUE = "conformance_service_requests", "42"


def test_what_a_workload_tells_is_collected(case: Case) -> None:
    if not there(case):
        case.not_implemented("nothing collects metrics here; the addon prometheus does")
    case.uses("prometheus")
    space = case.place()
    ports = [{"name": "metrics", "containerPort": 8000}]
    serving = pods.spec(pods.python("main", pods.STUB, METRIC, VALUE, ports=ports))
    made = pods.deployment("tells", space, serving, {METRICS: "metrics"})
    case.kubectl("apply", "--filename=-", given=made)
    question = asking(f'{METRIC}{{namespace="{space}"}}')
    said = case.until(
        "Prometheus has what the workload tells", question, lambda told: bool(series(told))
    )
    (found,) = series(said)
    assert found["value"][1] == VALUE
    case.implemented(f"A pod with the label {METRICS} was found; its metric came with its value")
