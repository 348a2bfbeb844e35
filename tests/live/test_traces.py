"""What is sent to the collector is found again, where a person looks for it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client, config

from docs.examples.find_trace import find_trace, tags
from tests.conftest import Platform
from tests.live.conftest import Kubectl

pytestmark = pytest.mark.live

COLLECTOR = "/api/v1/namespaces/opentelemetry/services/otel-collector:{port}/proxy{path}"
SERVICE = {"attributes": [{"key": "service.name", "value": {"stringValue": "live-test"}}]}


@pytest.fixture
def core(platform: Platform) -> Iterator[client.CoreV1Api]:
    with config.new_client_from_config(config_file=str(platform.kubeconfig)) as api:
        yield client.CoreV1Api(api)


@pytest.fixture
def send(core: client.CoreV1Api) -> Callable[[str, dict[str, Any]], None]:
    """Send one signal over OTLP/HTTP, through the Kubernetes API."""

    def post(signal: str, body: dict[str, Any]) -> None:
        core.api_client.call_api(
            COLLECTOR.format(port="otlp-http", path=f"/v1/{signal}"),
            "POST",
            header_params={"Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )

    return post


def eventually(seen: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := seen()) and time.monotonic() < end:
        time.sleep(1)
    return found


def test_a_request_of_two_services_is_one_trace(
    core: client.CoreV1Api, send: Callable[[str, dict[str, Any]], None]
) -> None:
    trace, first, second = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(8)
    now = time.time_ns()

    def span(name: str, own: str, parent: str, milliseconds: int) -> dict[str, Any]:
        return {
            "traceId": trace,
            "spanId": own,
            "parentSpanId": parent,
            "name": name,
            "kind": 1,
            "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now + milliseconds * 1_000_000),
            "attributes": [{"key": "digit", "value": {"intValue": "7"}}],
        }

    for one in (span("ask", first, "", 30), span("answer", second, first, 20)):
        send("traces", {"resourceSpans": [{"resource": SERVICE, "scopeSpans": [{"spans": [one]}]}]})
    found = eventually(lambda: len(spans := find_trace(core, trace)) == 2 and spans)
    assert {s["operationName"]: s["duration"] for s in found} == {"ask": 30_000, "answer": 20_000}
    assert [tags(s)["digit"] for s in found] == [7, 7]
    (answer,) = [s for s in found if s["operationName"] == "answer"]
    assert [r["spanID"] for r in answer["references"]] == [first]


def test_a_trace_that_nobody_sent_is_not_found(core: client.CoreV1Api) -> None:
    assert find_trace(core, secrets.token_hex(16)) == []


def test_a_log_record_is_printed_with_its_trace(
    kubectl: Kubectl, send: Callable[[str, dict[str, Any]], None]
) -> None:
    trace, text = secrets.token_hex(16), f"answered {secrets.token_hex(4)}"
    record = {
        "timeUnixNano": str(time.time_ns()),
        "traceId": trace,
        "severityNumber": 9,
        "body": {"stringValue": text},
    }
    send("logs", {"resourceLogs": [{"resource": SERVICE, "scopeLogs": [{"logRecords": [record]}]}]})

    def printed() -> bool:
        said = kubectl("-n", "opentelemetry", "logs", "deployment/otel-collector", "--tail=200")
        return text in said and trace in said

    assert eventually(printed)


def test_spans_become_rates(kubectl: Kubectl, send: Callable[[str, dict[str, Any]], None]) -> None:
    name, now = f"ask-{secrets.token_hex(4)}", time.time_ns()
    failed = [
        {
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "name": name,
            "kind": 2,
            "status": {"code": 2},
            "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now + 10_000_000),
        }
        for _ in range(3)
    ]
    send("traces", {"resourceSpans": [{"resource": SERVICE, "scopeSpans": [{"spans": failed}]}]})

    def counted() -> list[str]:
        metrics = kubectl("get", "--raw", COLLECTOR.format(port="metrics", path="/metrics"))
        return [
            line
            for line in metrics.splitlines()
            if line.startswith("traces_span_metrics_calls_total{") and name in line
        ]

    # A series begins at 0.
    (line,) = eventually(lambda: [line for line in counted() if line.split()[-1] != "0"])
    assert 'status_code="STATUS_CODE_ERROR"' in line
    assert line.split()[-1] == "3"
