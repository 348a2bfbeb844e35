"""A budget on a real cluster: it is spent, told, ends admission, kills nothing, and is raised."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from addons import script
from addons.kueue import LOCAL_QUEUE
from components.alerts import lasting
from components.api_server import ApiServer
from components.budgets import HELD
from components.grants import API
from components.labels import FAKE_NODE, QUEUE
from components.monitors import API as MONITORING
from components.pods import job
from tests.live.conftest import Kubectl
from tests.live.metrics import alerts, query
from tests.live.tenants.conftest import Tenants
from tests.waiting import wait_for

pytestmark = pytest.mark.live
TEAM = "red"
SMALL, LARGE = 0.01, 1000.0
SOON = {"TeamBudgetSpent": "0s"}


@pytest.fixture(scope="module")
def tenant(tenants: Tenants) -> Iterator[str]:
    """A team whose budget is a cent, which stops; it has none again at the end."""
    before = tenants.file(TEAM).read_text()
    try:
        assert budgeted(tenants, SMALL).returncode == 0
        yield tenants.stack(TEAM)
    finally:
        tenants.file(TEAM).write_text(before)
        assert tenants.up(TEAM) == 0


@pytest.fixture
def owner(tenants: Tenants) -> ApiServer:
    return tenants.owner()


def work(name: str) -> dict[str, Any]:
    """A job that holds one simulated accelerator for as long as it is left alone."""
    made = job(
        *("test", TEAM, name),
        image="cnai.dev/none:1.0.0",
        command=["sleep", "3600"],
        user=65532,
        labels={QUEUE: LOCAL_QUEUE},
    )
    spec = made["spec"]["template"]["spec"]
    spec["tolerations"] = [{"key": FAKE_NODE, "operator": "Exists"}]
    asked = spec["containers"][0]["resources"]
    for part in ("requests", "limits"):
        asked[part]["nvidia.com/gpu"] = "1"
    return made


def hurried(name: str) -> dict[str, Any]:
    """The platform's own alert, which waits for nothing before it fires."""
    groups = yaml.safe_load(script("prometheus", "rules.yaml"))["groups"]
    found = [r for g in lasting(groups, SOON) for r in g["rules"] if r.get("alert") in SOON]
    for rule in found:
        rule["labels"] = {**rule["labels"], "test": name}
    return {
        "apiVersion": f"{MONITORING}/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "namespace": "monitoring"},
        "spec": {"groups": [{"name": name, "interval": "5s", "rules": found}]},
    }


def admitted(owner: ApiServer, name: str) -> bool:
    found = owner.find("batch/v1", "Job", name, TEAM)
    return not found["spec"].get("suspend") and bool(found.get("status", {}).get("active"))


def state(owner: ApiServer) -> tuple[str, str | None]:
    queue = owner.find(API, "ClusterQueue", TEAM)
    return queue["spec"]["stopPolicy"], queue["metadata"].get("annotations", {}).get(HELD)


def look(kubectl: Kubectl) -> None:
    """Have the watch look now, and not when its time comes."""
    kubectl(
        *("--namespace=monitoring", "create", "job", f"look-{secrets.token_hex(3)}"),
        f"--from=cronjob/budget-{TEAM}",
    )


def budgeted(tenants: Tenants, amount: float) -> subprocess.CompletedProcess[str]:
    file = tenants.file(TEAM)
    said = yaml.safe_load(file.read_text())
    said["config"]["cnai:team"]["budget"] = {"amount": amount, "stops": True}
    file.write_text(yaml.safe_dump(said))
    return tenants.platform.cnai("up", tenants.stack(TEAM))


def test_a_budget_that_is_spent_ends_admission_and_a_larger_one_begins_it_again(
    tenants: Tenants, tenant: str, owner: ApiServer, kubectl: Kubectl
) -> None:
    name = f"spent-{secrets.token_hex(3)}"
    first, second, rule = work(f"{name}-first"), work(f"{name}-second"), hurried(name)
    owner.create(rule)
    owner.create(first)
    try:
        wait_for("the job is admitted", lambda: admitted(owner, f"{name}-first"), seconds=120)
        mine = f'cnai:team_spend:month{{cluster_queue="{TEAM}",namespace=""}}'
        wait_for("the spend appears", lambda: query(kubectl, f"{mine} > {SMALL}"), seconds=180)
        wait_for(
            "the alert is in Alertmanager",
            lambda: [
                a
                for a in alerts(kubectl, "TeamBudgetSpent")
                if a["labels"].get("test") == name and a["labels"]["namespace"] == TEAM
            ],
            seconds=120,
        )
        look(kubectl)
        wait_for("the queue is held", lambda: state(owner) == ("Hold", "budget"), seconds=120)
        owner.create(second)
        told = json.loads(tenants.platform.cnai("teams", "--output=json").stdout)["teams"]
        (row,) = (one for one in told if one["team"] == TEAM)
        assert row["spend"]["amount"] > SMALL
        assert row["spend"]["device"] == "simulated"
        assert row["budget"] == {"amount": SMALL, "currency": "USD", "stops": True}
        # What ran goes on, and what came after waits.
        assert admitted(owner, f"{name}-first")
        assert not admitted(owner, f"{name}-second")
        unchanged = tenants.platform.pulumi("preview", "--expect-no-changes", of=tenant)
        assert unchanged.returncode == 0, unchanged.stdout + unchanged.stderr

        assert budgeted(tenants, LARGE).returncode == 0
        look(kubectl)
        wait_for("the queue is open", lambda: state(owner) == ("None", None), seconds=120)
        # Others idle, so that it borrows what it is not guaranteed.
        wait_for("the other is admitted", lambda: admitted(owner, f"{name}-second"), seconds=120)
    finally:
        for manifest in (rule, first, second):
            kind, meta = manifest["kind"].lower(), manifest["metadata"]
            kubectl(
                *("delete", "--ignore-not-found", "--namespace", meta["namespace"]),
                *(kind, meta["name"]),
            )
