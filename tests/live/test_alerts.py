"""A failure that is real: a queue starves, and Alertmanager hears of it."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from addons import script
from addons.kueue import local_queue
from components.alerts import lasting
from components.labels import QUEUE
from components.monitors import API
from components.pods import job
from components.team import Team
from tests.conftest import Platform
from tests.live.conftest import Kubectl
from tests.live.metrics import alerts, query
from tests.waiting import wait_for

pytestmark = pytest.mark.live

Apply = Callable[[dict[str, Any]], None]
SOON = {"QueueStarved": "0s", "JobStuckThoughQuotaIsFree": "0s"}


@pytest.fixture
def apply(platform: Platform, kubectl: Kubectl) -> Iterator[Apply]:
    """Make objects that go at the end of the test."""
    made: list[dict[str, Any]] = []

    def create(manifest: dict[str, Any]) -> None:
        made.append(manifest)
        tool = platform.home / "bin" / "kubectl"
        subprocess.run(
            [tool, f"--kubeconfig={platform.kubeconfig}", "create", "--filename=-"],
            input=json.dumps(manifest),
            text=True,
            check=True,
            capture_output=True,
        )

    yield create
    for manifest in reversed(made):
        meta = manifest["metadata"]
        kind = manifest["kind"].lower()
        kubectl(
            "delete", "--ignore-not-found", "--namespace", meta["namespace"], kind, meta["name"]
        )


def hurried(name: str) -> dict[str, Any]:
    """The platform's own rules about queues, which wait for nothing before they fire."""
    groups = yaml.safe_load(script("prometheus", "rules.yaml"))["groups"]
    found = [
        rule for g in lasting(groups, SOON) for rule in g["rules"] if rule.get("alert") in SOON
    ]
    for rule in found:
        rule["labels"] = {**rule["labels"], "test": name}
    return {
        "apiVersion": f"{API}/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "namespace": "monitoring"},
        "spec": {"groups": [{"name": name, "interval": "5s", "rules": found}]},
    }


def test_a_starved_queue_fires_and_the_alert_arrives(
    platform: Platform, kubectl: Kubectl, apply: Apply
) -> None:
    name = f"starved-{secrets.token_hex(3)}"
    # A queue of its own: in that of the team a job may have been admitted a minute ago.
    queue = {
        **local_queue(Team(name=platform.namespace)),
        "metadata": {"name": name, "namespace": platform.namespace},
    }
    # More than the workers' share: it fits only beside simulated nodes, whose taint it has not.
    greedy = job(
        "test",
        platform.namespace,
        name,
        image="cnai.dev/none:1.0.0",
        command=["true"],
        user=65532,
        labels={QUEUE: name},
        cpu="64",
    )
    apply(queue)
    apply(greedy)
    apply(hurried(name))

    def heard() -> list[str]:
        return [
            f"{alert['labels']['alertname']} {alert['labels'].get('namespace', '')}".strip()
            for rule in SOON
            for alert in alerts(kubectl, rule)
            if alert["labels"].get("test") == name and alert["status"]["state"] == "active"
        ]

    wait_for(
        "Prometheus saw the job wait", lambda: query(kubectl, "sum(kueue_pending_workloads) > 0")
    )
    wait_for("both alerts are in Alertmanager", lambda: len(heard()) >= 2)
    assert f"QueueStarved {platform.namespace}" in heard()
    assert any(alert.startswith("JobStuckThoughQuotaIsFree") for alert in heard())


def test_the_watchdog_is_never_silent(kubectl: Kubectl) -> None:
    assert wait_for("the watchdog fires", lambda: alerts(kubectl, "Watchdog"))
