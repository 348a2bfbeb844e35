"""`cnai status` against a platform that runs: all ready, one killed, a node lost, quota in use."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components.labels import QUEUE
from components.status.report import AddonStatus, Status
from stacks.compose import chosen
from stacks.settings import Settings
from tests.conftest import Platform
from tests.live.conftest import Kubectl
from tests.waiting import wait_for
from tools import supply
from tools.paths import REPO

pytestmark = pytest.mark.live

Look = Callable[[], Status]


def told(platform: Platform) -> tuple[int, Status, str]:
    """What a person gets: exit code, report, and what stderr says."""
    done = subprocess.run(
        ["cnai", "status", platform.stack, "-o", "json"],
        env=platform.env,
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, Status.model_validate_json(done.stdout), done.stderr


def of(seen: Status, name: str) -> AddonStatus:
    return next(addon for addon in seen.addons if addon.name == name)


def test_all_that_is_wanted_is_installed_deployed_and_ready(
    platform: Platform, settings: Settings, look: Look
) -> None:
    wait_for("all is ready", lambda: not look().problems, seconds=600)
    code, seen, said = told(platform)
    assert (code, said, seen.problems) == (0, "", [])
    addons = chosen(settings, supply.resolve(settings.supply))
    assert [addon.name for addon in seen.addons] == [addon.name for addon in addons]
    for addon in seen.addons:
        assert (addon.ready, addon.health, addon.reason) == (True, "ready", None)
        assert addon.want == addon.have
        assert addon.deployed.have == addon.deployed.want
        assert addon.since is not None
        assert any(claim.held for claim in addon.claims)
    assert {u for a in seen.addons for u in a.urls.values()} >= {platform.mlflow_url}


def test_the_table_says_the_same_in_words(platform: Platform) -> None:
    done = platform.cnai("status", platform.stack)
    assert done.returncode == 0
    head = next(line for line in done.stdout.splitlines() if line.startswith("ADDON"))
    assert {"DEPLOYED", "READY", "HEALTH", "SINCE"} <= set(head.split())
    assert platform.mlflow_url in done.stdout


def test_no_secret_is_shown(platform: Platform) -> None:
    exported = platform.pulumi("stack", "export", "--show-secrets", "--stack", platform.stack)
    plain = [
        json.loads(r["outputs"]["value"]["plaintext"])
        for r in json.loads(exported.stdout)["deployment"]["resources"]
        if r["type"].endswith("cnai:Password")
    ]
    shown = told(platform)[1].json_text() + platform.cnai("status", platform.stack).stdout
    assert plain
    assert not any(secret in shown for secret in plain)


def test_killed_pods_are_seen_and_so_is_their_return(
    platform: Platform, kubectl: Kubectl, look: Look
) -> None:
    killed = next(addon for addon in look().addons if addon.urls)
    kubectl("delete", "pods", "--all", "-n", killed.namespace, "--grace-period=1", "--wait=false")
    gone: list[AddonStatus] = []

    def is_seen() -> bool:
        gone[:] = [of(look(), killed.name)]
        # At first it may only be seen that it does not answer.
        return gone[0].health == "not deployed"

    wait_for(f"{killed.name} is not deployed", is_seen, seconds=600)
    assert not gone[0].ready
    assert gone[0].deployed.have < gone[0].deployed.want
    assert "pod " in (gone[0].reason or "")
    wait_for(f"{killed.name} is ready again", lambda: of(look(), killed.name).ready, seconds=600)
    back = of(look(), killed.name)
    assert back.since is not None
    assert killed.since is not None
    assert back.since > killed.since


def test_a_node_that_takes_no_pods_is_named_and_ends_with_4(
    platform: Platform, kubectl: Kubectl, look: Look
) -> None:
    pool = next(pool for pool in look().pools if pool.accelerators)
    node = json.loads(kubectl("get", "nodes", "-l", f"cnai.dev/pool={pool.name}", "-o", "json"))
    name = node["items"][0]["metadata"]["name"]
    kubectl("cordon", name)
    try:
        code, seen, said = told(platform)
    finally:
        kubectl("uncordon", name)
    assert code == 4
    assert "CNAI-STATUS-001" in said
    assert name in said
    found = next(one for one in seen.pools if one.name == pool.name)
    assert [(part.name, part.reasons) for part in found.degraded] == [
        (name, ["unschedulable: it was cordoned"])
    ]
    assert found.accelerators[0].free < found.accelerators[0].total


@pytest.fixture
def hungry(platform: Platform, kubectl: Kubectl, look: Look) -> Iterator[tuple[str, int]]:
    """Jobs of a whole simulated node each, one more than there are nodes."""
    pool = next(pool for pool in look().pools if pool.device == "simulated")
    [offered] = pool.accelerators
    each = offered.total // pool.nodes
    jobs = [_job(platform, f"hungry-{n}", offered.resource, each) for n in range(pool.nodes + 1)]
    try:
        for job in jobs:
            kubectl("apply", "-f", _written(platform, job))
        yield pool.name, pool.nodes
    finally:
        for job in jobs:
            name = job["metadata"]["name"]
            kubectl("delete", "job", name, "-n", platform.namespace, "--ignore-not-found")


def _job(platform: Platform, name: str, resource: str, count: int) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "simulated:none",
        "resources": {
            "requests": {"cpu": "1", "memory": "1Gi", resource: str(count)},
            "limits": {"memory": "1Gi", resource: str(count)},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": platform.namespace,
            "labels": {QUEUE: platform.queue},
        },
        "spec": {"suspend": True, "template": {"spec": pod}},
    }


def _written(platform: Platform, manifest: dict[str, Any]) -> str:
    file = platform.home / f"{manifest['metadata']['name']}.json"
    file.write_text(json.dumps(manifest))
    return str(file)


def test_queues_and_accelerators_are_counted(hungry: tuple[str, int], look: Look) -> None:
    name, nodes = hungry

    def taken() -> bool:
        seen = look()
        whole = next(queue for queue in seen.queues if queue.kind == "ClusterQueue")
        pool = next(pool for pool in seen.pools if pool.name == name)
        return (whole.admitted, whole.pending, pool.accelerators[0].free) == (nodes, 1, 0)

    wait_for("as many are admitted as there are nodes, and one waits", taken, seconds=600)
    seen = look()
    whole, local = seen.queues[0], seen.queues[1]
    assert (local.kind, local.cluster_queue, local.pending) == ("LocalQueue", whole.name, 1)
    total = next(p.accelerators[0] for p in seen.pools if p.name == name)
    [use] = [u for u in whole.flavors if (u.flavor, u.resource) == (name, total.resource)]
    assert (use.used, use.quota) == (str(total.total), str(total.total))


def test_watching_goes_on_until_it_is_interrupted(platform: Platform) -> None:
    # Where tests run in the background of a shell, interrupts are ignored, by children as well.
    words = ["env", "--default-signal=INT", "cnai", "status", platform.stack, "--watch", "-o"]
    with subprocess.Popen(
        [*words, "json"], env=platform.env, cwd=REPO, stdout=subprocess.PIPE, text=True
    ) as run:
        try:
            assert run.stdout is not None
            reports = [Status.model_validate_json(run.stdout.readline()) for _ in range(2)]
            assert reports[0].at < reports[1].at
            run.send_signal(signal.SIGINT)
            assert run.wait(timeout=120) == 0
        finally:
            run.kill()


def test_an_api_server_that_stands_still_is_told_with_what_mends_it(platform: Platform) -> None:
    control_plane = platform.nodes[0]
    platform.engine.run("pause", control_plane)
    try:
        code, seen, said = told(platform)
    finally:
        platform.engine.run("unpause", control_plane)
    assert code == 9
    assert [problem.id for problem in seen.problems] == ["CNAI-STATUS-004"]
    assert "Traceback" not in said
    wait_for("it answers again", lambda: told(platform)[0] == 0, seconds=600)
