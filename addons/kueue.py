"""Kueue: queues, quotas and gang admission for every batch and training job of the teams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from components.addon import Addon, Context, Manifest
from components.devices import Devices
from components.facts import Pool
from components.labels import POOL, QUEUE, TENANT
from components.pods import job, resources
from components.probes import Probe, accepted, available, completes, condition, established
from components.quantities import canonical
from components.scrapes import Scrape

NAME = "kueue"
NAMESPACE = "kueue-system"
API = "kueue.x-k8s.io/v1beta2"
CLUSTER_QUEUE = "platform"
LOCAL_QUEUE = "default"
FRAMEWORKS = ("batch/job", "jobset.x-k8s.io/jobset", "trainer.kubeflow.org/trainjob", "pod")


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: webhooks only where teams work, so that the platform needs no Kueue."""
    repository, tag = ctx.image(NAME).rsplit(":", 1)
    return {
        "fullnameOverride": NAME,
        "controllerManager": {
            "replicas": ctx.facts.replicas,
            "manager": {
                "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
                "resources": resources("50m", "128Mi", "512Mi"),
            },
        },
        "managerConfig": {
            "controllerManagerConfigYaml": yaml.safe_dump(configuration(ctx.devices))
        },
    }


def configuration(devices: Sequence[Devices] = ()) -> Manifest:
    """Return the configuration of the manager; the chart takes it as one text.

    Claims of devices are counted by the resource of their class; without a mapping a workload that
    claims one is refused.
    """
    claims = {
        d.resource: [c.claim for c in devices if c.resource == d.resource and c.claim]
        for d in devices
    }
    mapped = [{"name": n, "deviceClassNames": c} for n, c in sorted(claims.items()) if c]
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443", "enableClusterQueueResources": True},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "clientConnection": {"qps": 300, "burst": 500},
        "manageJobsWithoutQueueName": False,
        "managedJobsNamespaceSelector": {
            "matchExpressions": [{"key": TENANT, "operator": "Exists"}]
        },
        "integrations": {"frameworks": list(FRAMEWORKS)},
        **({"resources": {"deviceClassMappings": mapped}} if mapped else {}),
    }


def flavor(pool: Pool) -> Manifest:
    """Return the flavor of a pool: only pods that tolerate its taints are admitted to it."""
    spec: dict[str, Any] = {"nodeLabels": {POOL: pool.name}}
    if pool.taints:
        spec["nodeTaints"] = [dict(taint) for taint in pool.taints]
    return {
        "apiVersion": API,
        "kind": "ResourceFlavor",
        "metadata": {"name": pool.name},
        "spec": spec,
    }


def cluster_queue(pools: tuple[Pool, ...], devices: Sequence[Devices] = ()) -> Manifest:
    """Return the queue of the whole platform: what its pools may be used for, and no more."""
    accelerators = sorted(
        {pool.accelerator for pool in pools if pool.accelerator} | {d.resource for d in devices}
    )

    def count(pool: Pool, name: str) -> int:
        if pool.accelerator == name:
            return pool.accelerators
        return pool.count * sum(d.per_node.get(pool.name, 0) for d in devices if d.resource == name)

    def quota(pool: Pool) -> Manifest:
        amounts: dict[str, str | int] = {"cpu": pool.quota.cpu, "memory": pool.quota.memory}
        for name in accelerators:
            amounts[name] = count(pool, name)
        return {
            "name": pool.name,
            "resources": [{"name": n, "nominalQuota": canonical(q)} for n, q in amounts.items()],
        }

    group = {
        "coveredResources": ["cpu", "memory", *accelerators],
        "flavors": [quota(pool) for pool in pools],
    }
    return {
        "apiVersion": API,
        "kind": "ClusterQueue",
        "metadata": {"name": CLUSTER_QUEUE},
        "spec": {
            "namespaceSelector": {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]},
            "resourceGroups": [group],
        },
    }


def local_queue(team: str) -> Manifest:
    """Return the queue that a team's jobs name."""
    return {
        "apiVersion": API,
        "kind": "LocalQueue",
        "metadata": {"name": LOCAL_QUEUE, "namespace": team},
        "spec": {"clusterQueue": CLUSTER_QUEUE},
    }


def queues(ctx: Context) -> list[Manifest]:
    """Return flavors, the ClusterQueue and a LocalQueue for each team."""
    return [
        *[flavor(pool) for pool in ctx.facts.pools],
        cluster_queue(ctx.facts.pools, ctx.devices),
        *[local_queue(team) for team in ctx.teams],
    ]


def ready(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the kinds are served and that their webhooks answer."""
    return (
        established("clusterqueues.kueue.x-k8s.io"),
        available("Deployment", NAMESPACE, "kueue-controller-manager"),
        accepted("the webhooks of Kueue answer", flavor(ctx.facts.pools[0])),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the queues are active and that one admits a job, which runs to its end."""
    probes = [condition(API, "ClusterQueue", CLUSTER_QUEUE, "Active")]
    for team in ctx.teams:
        probes += [
            condition(API, "LocalQueue", LOCAL_QUEUE, "Active", namespace=team),
            completes(
                f"a job of team {team} is admitted and completes",
                job(
                    NAME,
                    team,
                    "queue-proof",
                    image=ctx.image("curl"),
                    command=["true"],
                    user=65532,
                    labels={QUEUE: LOCAL_QUEUE},
                ),
            ),
        ]
    return tuple(probes)


ADDON = Addon(
    name=NAME,
    title="Queues, quotas and gang admission for the jobs of teams",
    namespace=NAMESPACE,
    after=("jobset", "trainer"),
    images=("kueue", "curl"),
    chart=NAME,
    values=values,
    ready=ready,
    resources=queues,
    proof=proof,
    scrapes=(
        Scrape(
            name=NAME,
            namespace=NAMESPACE,
            labels={"app.kubernetes.io/name": "kueue"},
            port=8443,
            secure=True,
            cluster_wide=True,
        ),
    ),
)
