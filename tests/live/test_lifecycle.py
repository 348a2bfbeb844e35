"""A stack's life: made after a kill, unchanged by a second run, repaired, and gone."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.clusters.kind import LABEL, nodes
from stacks.cli.recover import locks
from tests.conftest import Platform, free_port
from tests.live.conftest import Kubectl, eventually
from tools import node_image
from tools.supply import Mode

pytestmark = pytest.mark.live


def test_a_run_that_was_killed_is_finished_by_the_next(platform: Platform) -> None:
    assert platform.killed_first
    assert not locks(platform.stack)
    exported = json.loads(platform.pulumi("stack", "export", "--stack", platform.stack).stdout)
    assert not exported["deployment"].get("pending_operations")


def test_every_claim_of_every_addon_was_seen(platform: Platform) -> None:
    exported = json.loads(platform.pulumi("stack", "export", "--stack", platform.stack).stdout)
    gates = [r for r in exported["deployment"]["resources"] if r["type"].endswith("cnai:Ready")]
    assert gates
    for gate in gates:
        claims = {p["claim"] for p in json.loads(gate["inputs"]["probes"])}
        assert set(json.loads(gate["outputs"]["evidence"])) == claims


def test_a_second_up_changes_nothing(platform: Platform) -> None:
    expected = platform.pulumi(
        "up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", platform.stack
    )
    assert expected.returncode == 0, expected.stdout
    again = subprocess.run(
        ["cnai", "up", platform.stack],
        env=platform.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no changes" in again.stderr
    assert platform.mlflow_url in again.stdout


def test_mlflow_answers_on_the_address_that_was_told(
    platform: Platform, told: Callable[[str], Any]
) -> None:
    assert told("urls") == {"mlflow": platform.mlflow_url}
    with urllib.request.urlopen(f"{platform.mlflow_url}/health", timeout=30) as answer:
        assert answer.status == 200


def test_secrets_are_not_in_clear_in_the_state_or_its_backups(platform: Platform) -> None:
    kubeconfig = yaml.safe_load(platform.kubeconfig.read_text())
    key = kubeconfig["users"][0]["user"]["client-key-data"]
    password = platform.pulumi(
        "stack", "export", "--show-secrets", "--stack", platform.stack
    ).stdout
    plain = {
        json.loads(r["outputs"]["value"]["plaintext"])
        for r in json.loads(password)["deployment"]["resources"]
        if r["type"].endswith("cnai:Password")
    }
    assert len(plain) == 10
    files = [p for p in (platform.home / "state").rglob("*") if p.is_file()]
    assert files
    for path in files:
        text = path.read_text(errors="replace")
        assert not any(secret in text for secret in (key, *plain)), path
    assert platform.kubeconfig.stat().st_mode & 0o077 == 0


def test_the_working_tree_stays_clean(platform: Platform) -> None:
    assert platform.cluster
    changed = subprocess.run(
        ["git", "status", "--porcelain", "stacks"], capture_output=True, text=True, check=True
    )
    assert "encryptionsalt" not in Path("stacks/Pulumi.kind.yaml").read_text()
    assert "Pulumi.test" not in changed.stdout


def test_simulated_nodes_are_there_and_say_so(kubectl: Kubectl) -> None:
    found = json.loads(kubectl("get", "nodes", "-l", "cnai.dev/device=simulated", "-o", "json"))
    amounts = [node["status"]["allocatable"]["nvidia.com/gpu"] for node in found["items"]]
    assert amounts == ["8", "8"]


def test_what_was_deleted_behind_our_back_is_noticed_and_made_again(
    platform: Platform, kubectl: Kubectl
) -> None:
    kubectl("delete", "deployment", "mlflow", "-n", "mlflow", "--wait")
    kubectl("delete", "clusterqueue", "platform", "--wait=false")
    kubectl("delete", "node", "h100-1")
    stack = f"--stack={platform.stack}"
    noticed = platform.pulumi("preview", "--refresh", "--expect-no-changes", stack)
    assert noticed.returncode != 0
    repaired = platform.pulumi("up", "--refresh", "--yes", "--skip-preview", stack)
    assert repaired.returncode == 0, repaired.stdout
    kubectl("rollout", "status", "deployment/mlflow", "-n", "mlflow", "--timeout=180s")
    kubectl("wait", "clusterqueue/platform", "--for=condition=Active", "--timeout=60s")
    kubectl("wait", "node/h100-1", "--for=condition=Ready", "--timeout=60s")
    settled = platform.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", stack)
    assert settled.returncode == 0, settled.stdout


def test_killed_pods_come_back_with_their_data(platform: Platform, kubectl: Kubectl) -> None:
    def experiments() -> list[str]:
        found = platform.mlflow("/api/2.0/mlflow/experiments/search?max_results=100")
        return sorted(e["name"] for e in found["experiments"])

    before = experiments()
    assert "cnai-proof" in before
    for namespace in ("postgresql", "object-store", "mlflow"):
        kubectl("delete", "pods", "--all", "-n", namespace, "--grace-period=1", "--wait")
    for what, namespace in (
        ("statefulset/postgresql", "postgresql"),
        ("statefulset/object-store", "object-store"),
        ("deployment/mlflow", "mlflow"),
    ):
        kubectl("rollout", "status", what, "-n", namespace, "--timeout=240s")
    assert eventually(experiments) == before


def test_nodes_that_were_stopped_are_started_with_what_they_had(
    platform: Platform, kubectl: Kubectl
) -> None:
    before = kubectl("get", "namespaces", "-o", "name")
    platform.engine.run("stop", "--time=10", *platform.nodes)
    told = platform.cnai("status", platform.stack, "-o", "json")
    problems = [problem["id"] for problem in json.loads(told.stdout)["problems"]]
    assert (told.returncode, problems) == (4, ["CNAI-STATUS-003"])
    done = subprocess.run(
        ["cnai", "up", platform.stack],
        env=platform.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "started 3 nodes that were stopped" in done.stderr
    assert "no changes" in done.stderr
    assert kubectl("get", "namespaces", "-o", "name") == before
    health = f"{platform.mlflow_url}/health"
    with eventually(lambda: urllib.request.urlopen(health, timeout=30)) as answer:
        assert answer.status == 200


@pytest.fixture
def foreign(platform: Platform, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """A stack whose cluster's name is taken by a container that is not ours."""
    stack = f"{platform.stack}f"
    stacks = tmp_path / "stacks"
    shutil.copytree(Path(platform.env["CNAI_STACKS"]), stacks)
    config = {"cnai:extends": "kind", "cnai:ports": {"mlflow": free_port()}}
    (stacks / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    home = tmp_path / "home"
    return stack, {**platform.env, "CNAI_STACKS": str(stacks), "CNAI_HOME": str(home)}


def test_a_cluster_that_somebody_else_made_is_refused_and_left_alone(
    platform: Platform, foreign: tuple[str, dict[str, str]]
) -> None:
    stack, env = foreign
    engine, name = platform.engine, f"cnai-{stack}-control-plane"
    image = node_image.build(engine, Mode.SOURCE)
    engine.run(
        "create", f"--name={name}", f"--label={LABEL}=cnai-{stack}", "--entrypoint=true", image
    )
    try:
        for verb in ("up", "down"):
            done = subprocess.run(
                ["cnai", verb, stack], env=env, capture_output=True, text=True, check=False
            )
            if verb == "up":
                assert done.returncode != 0
                assert "CNAI-KIND-001" in done.stderr
            assert [n["Name"] for n in nodes(engine, f"cnai-{stack}")] == [f"/{name}"]
    finally:
        engine.run("rm", "--force", name)


@pytest.mark.last
def test_a_cluster_that_lost_a_node_is_noticed_by_a_refresh(platform: Platform) -> None:
    worker = platform.nodes[-1]
    platform.engine.run("rm", "--force", "--volumes", worker)
    seen = platform.pulumi(
        "refresh", "--yes", "--target=**cnai:KindCluster::cluster", "--stack", platform.stack
    )
    assert seen.returncode == 0, seen.stdout
    exported = json.loads(platform.pulumi("stack", "export", "--stack", platform.stack).stdout)
    types = [r["type"] for r in exported["deployment"]["resources"]]
    assert not [t for t in types if t.endswith("cnai:KindCluster")]


@pytest.mark.last
def test_down_leaves_nothing(platform: Platform) -> None:
    engine = platform.engine
    volumes = set(engine.run("volume", "ls", "--quiet").split())
    own = {
        mount["Name"]
        for node in nodes(engine, platform.cluster)
        for mount in node["Mounts"]
        if mount["Type"] == "volume"
    }
    assert own <= volumes
    assert platform.cnai("down", platform.stack).returncode == 0
    left = platform.home / f"{platform.stack}.kubeconfig", platform.home / "nodes" / platform.stack
    assert not any(path.exists() for path in left)
    assert not locks(platform.stack)
    if not engine_ended(engine):
        assert not nodes(engine, platform.cluster)
        assert platform.cluster not in engine.run("network", "ls", "--format={{.Name}}").split()
        assert not own & set(engine.run("volume", "ls", "--quiet").split())


def engine_ended(engine: Any) -> bool:
    """An engine that was started for us stops with the last cluster."""
    return bool(engine.ours) and not Path(engine.host.removeprefix("unix://")).exists()
