"""Simulated devices on real nodes: offered, claimed, seen by their container, counted by queues."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from kubernetes import client, config

from addons.simulated_devices import DRIVER, RESOURCE
from components.devices import API
from components.labels import DEVICE, QUEUE
from components.pods import job
from tests.conftest import Platform
from tests.live.conftest import Kubectl
from tests.waiting import wait_for
from tools import supply

pytestmark = pytest.mark.live

GROUP = ("resource.k8s.io", "v1")
KUEUE = ("kueue.x-k8s.io", "v1beta2")
TRAINER = ("trainer.kubeflow.org", "v1alpha1")
TEMPLATE = "devices-test"
SHOW = "env | grep '^GPU_DEVICE_[0-9]*='"
# It holds its devices until it is told to end.
HOLD = f"{SHOW}; trap 'exit 143' TERM; until [ -e /tmp/end ]; do sleep 0.2; done"
END = ("touch", "/tmp/end")


class Team:
    """The team's namespace, and what of the cluster the tests look at."""

    def __init__(self, api: client.ApiClient, platform: Platform) -> None:
        self.core = client.CoreV1Api(api)
        self.batch = client.BatchV1Api(api)
        self.custom = client.CustomObjectsApi(api)
        self.namespace, self.queue = platform.namespace, platform.queue

    def job(self, command: str, pods: int = 1, *, named: bool = False) -> dict[str, Any]:
        """A job of some pods, each of which claims a device, or asks for one by its name."""
        made = job(
            "devices-test",
            self.namespace,
            f"devices-{secrets.token_hex(3)}",
            image=supply.image_ref("curl"),
            command=["bash", "-c", command],
            user=65532,
            labels={QUEUE: self.queue},
        )
        made["spec"] |= {"parallelism": pods, "completions": pods}
        pod = made["spec"]["template"]["spec"]
        if named:
            pod["containers"][0]["resources"]["limits"][RESOURCE] = "1"
        else:
            pod["resourceClaims"] = [{"name": "device", "resourceClaimTemplateName": TEMPLATE}]
            pod["containers"][0]["resources"]["claims"] = [{"name": "device"}]
        return made

    def pods(self, name: str) -> list[Any]:
        selector = f"job-name={name}"
        return list(self.core.list_namespaced_pod(self.namespace, label_selector=selector).items)

    def gone(self, name: str) -> bool:
        return not self.pods(name)

    def logs(self, name: str) -> list[str]:
        return [
            self.core.read_namespaced_pod_log(pod.metadata.name, self.namespace).strip()
            for pod in self.pods(name)
        ]

    def complete(self, name: str) -> bool:
        told = self.batch.read_namespaced_job_status(name, self.namespace).status.conditions or []
        return any((c.type, c.status) == ("Complete", "True") for c in told)

    def workload(self, name: str) -> dict[str, Any]:
        """The conditions of the Kueue Workload of a job; empty until Kueue has looked at it."""
        listed = self.custom.list_namespaced_custom_object(*KUEUE, self.namespace, "workloads")
        for item in listed["items"]:
            owners = item["metadata"].get("ownerReferences", [])
            if any(owner["name"] == name for owner in owners):
                return {c["type"]: c for c in item.get("status", {}).get("conditions", [])}
        return {}


@pytest.fixture(scope="module")
def team(platform: Platform) -> Iterator[Team]:
    """The team, with a template by which its pods claim one device each."""
    with config.new_client_from_config(config_file=str(platform.kubeconfig)) as api:
        found = Team(api, platform)
        request = {"name": "device", "exactly": {"deviceClassName": DRIVER, "count": 1}}
        template = {
            "apiVersion": API,
            "kind": "ResourceClaimTemplate",
            "metadata": {"name": TEMPLATE},
            "spec": {"spec": {"devices": {"requests": [request]}}},
        }
        at = (*GROUP, found.namespace, "resourceclaimtemplates")
        found.custom.create_namespaced_custom_object(*at, template)
        yield found
        found.custom.delete_namespaced_custom_object(*at, TEMPLATE)


@pytest.fixture
def run(team: Team) -> Iterator[Callable[[dict[str, Any]], str]]:
    """Create jobs; they are gone with their pods and claims when the test ends."""
    made: list[str] = []

    def create(manifest: dict[str, Any]) -> str:
        team.batch.create_namespaced_job(team.namespace, manifest)
        made.append(manifest["metadata"]["name"])
        return made[-1]

    yield create
    for name in made:
        team.batch.delete_namespaced_job(name, team.namespace, propagation_policy="Foreground")
        wait_for(f"the pods of {name} are gone", partial(team.gone, name))


@pytest.fixture(scope="module")
def offered(team: Team) -> dict[str, list[str]]:
    """The devices of each node, as its driver has told."""
    slices = team.custom.list_cluster_custom_object(*GROUP, "resourceslices")["items"]
    mine = [s["spec"] for s in slices if s["spec"]["driver"] == DRIVER]
    return {spec["nodeName"]: [d["name"] for d in spec["devices"]] for spec in mine}


def test_every_worker_offers_the_devices_that_were_asked_for(
    platform: Platform, offered: dict[str, list[str]]
) -> None:
    workers = [node for node in platform.nodes if not node.endswith("-control-plane")]
    assert set(offered) == set(workers)
    assert len({len(devices) for devices in offered.values()}) == 1


def test_nothing_says_that_they_are_real(team: Team) -> None:
    found = team.custom.get_cluster_custom_object(*GROUP, "deviceclasses", DRIVER)
    assert found["metadata"]["labels"][DEVICE] == "simulated"


@pytest.mark.parametrize("named", [False, True], ids=["claim", "resource name"])
def test_a_container_finds_its_device_in_its_environment(
    team: Team,
    run: Callable[[dict[str, Any]], str],
    offered: dict[str, list[str]],
    named: bool,
) -> None:
    name = run(team.job(SHOW, named=named))
    wait_for(f"{name} is complete", lambda: team.complete(name))
    (given,) = team.logs(name)
    (pod,) = team.pods(name)
    assert given.partition("=")[2] in offered[pod.spec.node_name]


def test_the_quota_is_what_the_workers_offer(team: Team, offered: dict[str, list[str]]) -> None:
    queue = team.custom.get_cluster_custom_object(*KUEUE, "clusterqueues", "platform")
    (group,) = queue["spec"]["resourceGroups"]
    quota = sum(
        int(resource["nominalQuota"])
        for flavor in group["flavors"]
        for resource in flavor["resources"]
        if resource["name"] == RESOURCE
    )
    assert quota == sum(len(devices) for devices in offered.values())


def test_a_claim_above_the_quota_waits_until_devices_are_free(
    team: Team,
    run: Callable[[dict[str, Any]], str],
    offered: dict[str, list[str]],
    kubectl: Kubectl,
) -> None:
    every = sum(len(devices) for devices in offered.values())
    first = run(team.job(HOLD, every))
    wait_for(
        f"all pods of {first} run",
        lambda: [p.status.phase for p in team.pods(first)] == ["Running"] * every,
    )
    second = run(team.job(SHOW))
    waiting = wait_for(f"Kueue has looked at {second}", lambda: team.workload(second))
    assert waiting["QuotaReserved"]["status"] == "False"
    assert f"insufficient unused quota for {RESOURCE}" in waiting["QuotaReserved"]["message"]
    assert team.batch.read_namespaced_job(second, team.namespace).spec.suspend
    assert not team.pods(second)
    # A pod that ends gives its device back, whatever the others of its job do.
    for pod in team.pods(first):
        kubectl("exec", f"--namespace={team.namespace}", pod.metadata.name, "--", *END)
    wait_for(f"{first} is complete", lambda: team.complete(first))
    wait_for(f"{second} is complete", lambda: team.complete(second))
    # Every pod had a device of its own.
    where = [pod.spec.node_name for pod in team.pods(first)]
    assert len(set(zip(where, team.logs(first), strict=True))) == every


def test_training_counts_its_devices(team: Team, offered: dict[str, list[str]]) -> None:
    name = f"devices-{secrets.token_hex(3)}"
    resources = {"cpu": "50m", "memory": "128Mi"}
    trainjob = {
        "apiVersion": "/".join(TRAINER),
        "kind": "TrainJob",
        "metadata": {"name": name, "labels": {QUEUE: team.queue}},
        "spec": {
            "runtimeRef": {"name": "jax-distributed"},
            "trainer": {
                "numNodes": 2,
                "command": ["bash", "-c", SHOW],
                "resourcesPerNode": {"requests": resources, "limits": {RESOURCE: "1"}},
            },
        },
    }
    at = (*TRAINER, team.namespace, "trainjobs")
    team.custom.create_namespaced_custom_object(*at, trainjob)
    try:

        def ended() -> bool:
            told = team.custom.get_namespaced_custom_object(*at, name).get("status", {})
            return any(
                (c["type"], c["status"]) == ("Complete", "True") for c in told.get("conditions", [])
            )

        wait_for(f"{name} is complete", ended)
        listed = team.custom.list_namespaced_custom_object(*KUEUE, team.namespace, "workloads")
        (workload,) = (
            item
            for item in listed["items"]
            if any(o["name"] == name for o in item["metadata"].get("ownerReferences", []))
        )
        (used,) = workload["status"]["admission"]["podSetAssignments"]
        assert used["resourceUsage"][RESOURCE] == "2"
        assert used["flavors"][RESOURCE] == "workers"
    finally:
        team.custom.delete_namespaced_custom_object(*at, name)
