"""The watch over a budget, by its own account: real metrics, rules, roles and queue objects."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from addons import script
from addons.kueue import cluster_queue
from components.api_server import ApiServer, RefusedError
from components.budgets import HELD, release, spent, watch
from components.clusters.local import simulated_pool
from components.grants import API
from components.prices import units
from components.spend import prices, spend
from components.steps import namespace
from components.team import Budget, Team
from tests.live.control_plane import ControlPlane, control_plane, free_port, running
from tests.waiting import wait_for
from tools import supply

pytestmark = pytest.mark.live
QUEUES = "kueue-system"
POOLS = (simulated_pool("h100", "p5.48xlarge", 2),)
RED = Team(name="red", tenant=True, budget=Budget(amount=0.01, stops=True))


def usage(accelerators: int) -> str:
    labels = 'cluster_queue="red",flavor="h100",resource="nvidia.com/gpu",replica_role="leader"'
    return f"kueue_cluster_queue_resource_usage{{{labels}}} {accelerators}\n"


class Metrics(BaseHTTPRequestHandler):
    """What Kueue tells of one queue."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(usage(8).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with the rules of the platform, which evaluates them each second."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    server = HTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    group = spend(prices(POOLS, units(POOLS, (), {})), "1s", QUEUES)
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [group]}))
    target = {"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"namespace": QUEUES}}
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": "kueue", "static_configs": [target]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    url = f"http://127.0.0.1:{port}"
    with running(
        *(folder / "log", supply.program("prometheus")),
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ):

        def counted() -> bool:
            try:
                told = requests.get(
                    f"{url}/api/v1/query", params={"query": "cnai:team_spend:month > 0.02"}
                )
            except requests.ConnectionError:
                return False
            return bool(told.json().get("data", {}).get("result"))

        wait_for("money was spent", counted, seconds=120)
        yield url
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("cluster")) as made:
        folder = supply.module_dir("kueue") / "config/components/crd/bases"
        kind = yaml.safe_load((folder / "kueue.x-k8s.io_clusterqueues.yaml").read_text())
        made.server.create(kind)
        made.server.create(namespace("monitoring"))
        wait_for("queues are served", lambda: made.server.serves(API, "ClusterQueue"))
        for name in ("red", "blue"):
            made.server.create(cluster_queue(name, {}))
        for manifest in account():
            made.server.create(manifest)
        yield made


def account() -> list[dict[str, Any]]:
    made = watch(RED, "monitoring", image="curl", script="", prometheus="", schedule="* * * * *")
    return [manifest for manifest in made if manifest["kind"] != "CronJob"]


@dataclass
class Watch:
    """The script as its pod runs it; the queue as its owner sees it."""

    cluster: ControlPlane
    prometheus: str
    folder: Path
    said: list[str] = field(default_factory=list)

    def look(self, amount: float, **other: str) -> int:
        token, authority = self.folder / "token", self.folder / "ca.crt"
        token.write_text(self.cluster.token("monitoring", "budget-red"))
        authority.write_bytes(self.cluster.certificate.read_bytes())
        env = {
            **os.environ,
            "QUEUE": "red",
            "SPENT": spent("red", Budget(amount=amount, stops=True)),
            "PROMETHEUS": self.prometheus,
            "API": self.cluster.url,
            "ACCOUNT": str(self.folder),
            **other,
        }
        done = subprocess.run(
            ["sh", "-c", script("prometheus", "budget.sh")],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        return done.returncode

    def queue(self, name: str = "red") -> tuple[str, str | None]:
        found = self.cluster.server.find(API, "ClusterQueue", name)
        annotations = found["metadata"].get("annotations", {})
        return found["spec"]["stopPolicy"], annotations.get(HELD)

    def put(self, policy: str, reason: str | None = None) -> None:
        change = {"metadata": {"annotations": {HELD: reason}}, "spec": {"stopPolicy": policy}}
        self.cluster.server.patch(f"/apis/{API}/clusterqueues/red", change)


@pytest.fixture
def watched(cluster: ControlPlane, prometheus: str, tmp_path: Path) -> Watch:
    made = Watch(cluster, prometheus, tmp_path)
    made.put("None")
    return made


def test_a_queue_is_held_when_its_budget_is_spent_and_opened_by_a_larger_one(
    watched: Watch,
) -> None:
    assert watched.look(1000.0) == 0, watched.said
    assert watched.queue() == ("None", None)
    assert watched.look(0.01) == 0, watched.said
    assert watched.queue() == ("Hold", "budget"), watched.said
    assert watched.look(0.01) == 0, watched.said
    assert watched.queue() == ("Hold", "budget")
    assert watched.look(1000.0) == 0, watched.said
    assert watched.queue() == ("None", None), watched.said


@pytest.mark.parametrize(
    "other", [{"PROMETHEUS": "http://127.0.0.1:1"}, {"SPENT": "nothing_of_that_name"}]
)
def test_without_an_answer_all_stays_as_it_is(watched: Watch, other: dict[str, str]) -> None:
    for state in (("Hold", "budget"), ("None", None)):
        watched.put(*state)
        assert watched.look(0.01, **other) == 1
        assert "nothing is changed" in watched.said[-1]
        assert watched.queue() == state


def test_what_somebody_else_holds_is_left(watched: Watch) -> None:
    watched.put("HoldAndDrain")
    for amount in (0.01, 1000.0):
        assert watched.look(amount) == 0, watched.said
        assert watched.queue() == ("HoldAndDrain", None)


def test_the_account_changes_the_queue_of_its_team_alone(watched: Watch) -> None:
    assert watched.look(0.01, QUEUE="blue") != 0
    assert watched.queue("blue") == ("None", None)
    own = ApiServer(watched.cluster.as_account("monitoring", "budget-red"))
    for path in (
        f"/apis/{API}/clusterqueues",
        "/api/v1/secrets",
        "/api/v1/namespaces/monitoring/secrets",
    ):
        with pytest.raises(RefusedError) as refused:
            own.text(path)
        assert refused.value.status == 403
    with pytest.raises(RefusedError):
        own.text(f"/apis/{API}/clusterqueues/red", method="DELETE")


def test_what_was_held_is_opened_when_no_budget_stops_any_more(watched: Watch) -> None:
    kubeconfig = watched.cluster.kubeconfig.read_text()
    watched.put("Hold", "budget")
    assert release(kubeconfig, "red")
    assert watched.queue() == ("None", None)
    watched.put("Hold")
    assert not release(kubeconfig, "red")
    assert watched.queue() == ("Hold", None)
    assert not release(kubeconfig, "green")
