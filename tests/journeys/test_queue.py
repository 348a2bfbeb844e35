"""Two training jobs, quota for one: the second waits, and runs when the first has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from kubernetes.utils import parse_quantity

from tests.conftest import Platform
from tests.journeys.conftest import (
    HOLD,
    KUEUE,
    Team,
    conditions,
    holds,
    inside,
    train,
)
from tests.waiting import wait_for
from tools.paths import REPO

pytestmark = pytest.mark.journey
# Two pods of this share of the quota are one job; two jobs are more than the quota.
SHARE = 0.3


@pytest.fixture(scope="module")
def share(platform: Platform, team: Team) -> str:
    """Memory of one pod, in bytes, from the quota of the team's queue."""
    local = team.custom.get_namespaced_custom_object(
        *KUEUE, team.namespace, "localqueues", platform.queue
    )
    queue = team.custom.get_cluster_custom_object(
        *KUEUE, "clusterqueues", local["spec"]["clusterQueue"]
    )
    # Pools with taints are not for these pods, which tolerate none.
    for group in queue["spec"]["resourceGroups"]:
        for flavor in group["flavors"]:
            kind = team.custom.get_cluster_custom_object(*KUEUE, "resourceflavors", flavor["name"])
            if not kind["spec"].get("nodeTaints"):
                quota = {r["name"]: parse_quantity(r["nominalQuota"]) for r in flavor["resources"]}
                return str(int(float(quota["memory"]) * SHARE))
    return str(pytest.fail("the queue has no flavor without taints"))


@pytest.fixture(scope="module")
def holding(platform: Platform, team: Team, share: str) -> Iterator[str]:
    """A job that runs and holds more than half of the quota."""
    name = team.submit(platform.queue, share, HOLD)
    try:
        wait_for(
            f"both pods of {name} run",
            lambda: [p.status.phase for p in team.pods(name)] == ["Running"] * 2,
        )
        yield name
    finally:
        team.delete(name)


def test_training_pods_are_not_root_and_cannot_change_their_image(
    platform: Platform, team: Team, holding: str
) -> None:
    for pod in team.pods(holding):
        host = inside(platform, pod.metadata.name)
        assert host.check_output("id -u") == "65532"
        assert "CapEff:\t0000000000000000" in host.file("/proc/1/status").content_string
        assert host.file("/proc/1/status").contains("NoNewPrivs:\t1")
        assert not host.run("touch /usr/bin/mine").succeeded
        assert host.run("touch /tmp/mine").succeeded
        assert not host.file("/var/run/secrets/kubernetes.io").exists


def test_training_pods_have_the_locked_versions(
    platform: Platform, team: Team, holding: str
) -> None:
    host = inside(platform, team.pods(holding)[0].metadata.name)
    names = ("jax", "jaxlib", "numpy", "mlflow-skinny", "scikit-learn")
    ask = f"from importlib.metadata import version; print(*map(version, {names!r}))"
    versions = host.check_output(f'python -c "{ask}"').split()
    lock = (REPO / "tools/python/trainer-jax/requirements.lock").read_text()
    for name, version in zip(names, versions, strict=True):
        assert f"\n{name}=={version} " in lock


def test_a_job_above_the_quota_waits_and_then_runs(
    platform: Platform, team: Team, holding: str, share: str
) -> None:
    second = team.submit(platform.queue, share, ["true"])
    try:
        waiting = wait_for(
            f"Kueue has looked at {second}",
            lambda: conditions(team.workload(second)).get("QuotaReserved"),
        )
        assert waiting["status"] == "False"
        assert "insufficient unused quota for memory" in waiting["message"]
        time.sleep(5)  # time enough for Kueue to change its mind, if it were to
        assert team.trainjob(second)["spec"]["suspend"]
        assert not holds(team.workload(second), "Admitted")
        assert not team.pods(second)

        for pod in team.pods(holding):
            inside(platform, pod.metadata.name).check_output("touch /tmp/end")
        wait_for(f"{holding} ends", lambda: holds(team.trainjob(holding), "Complete"))
        wait_for(f"{second} runs to its end", lambda: holds(team.trainjob(second), "Complete"))
        freed = conditions(team.workload(holding))["Finished"]["lastTransitionTime"]
        admitted = conditions(team.workload(second))["Admitted"]["lastTransitionTime"]
        assert datetime.fromisoformat(admitted) >= datetime.fromisoformat(freed)
    finally:
        team.delete(second)


def test_a_job_for_a_queue_that_is_not_there_says_so(platform: Platform, team: Team) -> None:
    done = train(platform, "--queue", "nowhere", "--timeout", "20")
    try:
        assert done.returncode == 9
        assert "nowhere" in done.stdout
        assert "LocalQueue" in done.stdout
        assert "kubectl" in done.stderr
    finally:
        name = done.stdout.split(" on ")[0].rpartition("/")[2]
        team.delete(name)


def test_a_runtime_that_is_not_there_is_refused(platform: Platform) -> None:
    done = train(platform, "--runtime", "abacus")
    assert done.returncode == 1
    assert 'clustertrainingruntimes.trainer.kubeflow.org "abacus" not found' in done.stderr
    assert "Traceback" not in done.stderr
