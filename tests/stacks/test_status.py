"""What `cnai status` makes of a report: words, marks, exit codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from addons import catalogue
from components.status.report import (
    AddonStatus,
    Degraded,
    Deployed,
    DeviceStatus,
    FlavorUse,
    PoolStatus,
    QueueStatus,
    Status,
)
from stacks.cli.installed import Installed, leaving, of_state
from stacks.cli.status import degraded
from stacks.cli.status_tables import since, tables, uses

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def addon(name: str, **said: Any) -> AddonStatus:
    values: dict[str, Any] = {
        "title": name,
        "namespace": name,
        "want": "1.0",
        "have": "1.0",
        "deployed": Deployed(want=1, have=1),
        "ready": True,
        "health": "ready",
        "reason": None,
        "since": NOW - timedelta(minutes=5),
        "urls": {},
        "claims": [],
    }
    return AddonStatus(name=name, **{**values, **said})


def status(*addons: AddonStatus, **said: Any) -> Status:
    return Status(stack="kind", cluster="cnai-kind", at=NOW, addons=list(addons), **said)


BROKEN = addon(
    "mlflow",
    ready=False,
    health="not deployed",
    reason="Deployment mlflow 0/1; pod mlflow-x[1]: CrashLoopBackOff",
    deployed=Deployed(want=1, have=0),
    urls={"mlflow": "http://localhost:5050"},
)
POOL = PoolStatus(
    name="h100",
    device="simulated",
    want=2,
    nodes=1,
    ready=1,
    accelerators=[],
    degraded=[Degraded(name="h100", reasons=["1 of 2 nodes not there"])],
)


def shown(found: Status) -> str:
    console = Console(width=160, force_terminal=False)
    with console.capture() as captured:
        console.print(tables(found))
    return captured.get()


def test_all_ready_is_no_problem() -> None:
    assert degraded(status(addon("kueue"), addon("old", want=None, health="left over"))) == []


def test_what_is_not_ready_ends_with_4_and_is_named_with_its_reason() -> None:
    [problem] = degraded(status(addon("kueue"), BROKEN, pools=[POOL]))
    assert (problem.id, problem.exit_code) == ("CNAI-STATUS-001", 4)
    assert "mlflow is not deployed: Deployment mlflow 0/1" in problem.why
    assert "h100: 1 of 2 nodes not there" in problem.why
    assert "kueue" not in problem.why


def test_the_table_says_it_without_colour() -> None:
    text = shown(status(addon("kueue"), BROKEN, pools=[POOL]))
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert "1/2 addons ready" in text
    assert lines["kueue"] == ["kueue", "1.0", "1.0", "1/1", "✓", "yes", "ready", "5m00s", "-"]
    assert lines["mlflow"][3:8] == ["0/1", "✗", "no", "not", "deployed"]
    assert "pod mlflow-x[1]: CrashLoopBackOff" in text
    assert "1 of 2 nodes not there" in text


def test_queues_and_devices_are_shown() -> None:
    use = FlavorUse(flavor="h100", resource="nvidia.com/gpu", quota="16", reserved="8", used="8")
    queue = QueueStatus(
        kind="ClusterQueue",
        name="platform",
        namespace=None,
        cluster_queue="platform",
        active=True,
        reason=None,
        pending=7,
        reserving=1,
        admitted=1,
        flavors=[use, use.model_copy(update={"resource": "cpu", "quota": "0", "used": "0"})],
    )
    driver = DeviceStatus(
        driver="gpu.example.com", pool="h100", device="simulated", total=9, allocated=3, degraded=[]
    )
    assert uses(queue) == "h100: nvidia.com/gpu 8/16"
    text = shown(status(addon("kueue"), queues=[queue], pools=[POOL], devices=[driver]))
    assert "gpu.example.com 3/9" in text
    assert "h100: nvidia.com/gpu 8/16" in text


@pytest.mark.parametrize(
    ("seconds", "said"), [(5, "5s"), (65, "1m05s"), (7260, "2h01m"), (90000, "1d01h")]
)
def test_how_long_ago_is_short(seconds: int, said: str) -> None:
    assert since(NOW - timedelta(seconds=seconds), NOW) == said
    assert since(None, NOW) == "-"


def test_a_report_is_what_its_schema_says() -> None:
    text = status(addon("kueue"), BROKEN, pools=[POOL]).json_text()
    assert text.startswith('{"schema":"cnai.dev/status/v1"')
    assert Status.model_validate_json(text).json_text() == text


def resource(type_: str, name: str, **inputs: str) -> dict[str, Any]:
    return {"type": type_, "urn": f"urn:pulumi:s::cnai::{type_}::{name}", "inputs": inputs}


def test_installed_is_what_answered_once() -> None:
    found = of_state(
        {
            "checkpoint": {
                "latest": {
                    "resources": [
                        resource("pulumi-python:dynamic/cnai:KindCluster", "c", mode="source"),
                        resource("cnai:index:Installation", "kueue", version="0.19.2"),
                        resource("pulumi-python:dynamic/cnai:Ready", "kueue/ready"),
                        resource("cnai:index:Installation", "mlflow", version="3"),
                    ]
                }
            }
        }
    )
    assert (found.versions, found.mode) == ({"kueue": "0.19.2"}, "source")
    assert of_state({}).versions == {}


def test_what_a_run_takes_away_is_said_before_it_begins() -> None:
    have = Installed(versions={"kueue": "1", "mlflow": "1", "postgresql": "1"})
    known = catalogue()
    assert leaving(have, [known["kueue"]], known) == (
        "takes away mlflow, postgresql, with all the data in postgresql"
    )
    assert leaving(have, list(known.values()), known) is None
