"""Kueue: queues, quotas and gang admission for every batch and training job of the teams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from components.access import allow
from components.addon import Addon, Context, Manifest
from components.devices import Devices
from components.facts import Pool
from components.grants import API, PLATFORM, groups
from components.labels import POOL, QUEUE, TENANT
from components.pods import job, resources
from components.probes import Probe, accepted, available, completes, condition, established
from components.quotas import capacity
from components.scrapes import Scrape
from components.team import Share, Team

NAME = "kueue"
NAMESPACE = "kueue-system"
LOCAL_QUEUE = "default"
PRIORITIES = {"low": -100, "normal": 0, "high": 100}
"""Classes that a job may name by the label of Kueue; one that names none counts as normal."""
FRAMEWORKS = ("batch/job", "jobset.x-k8s.io/jobset", "trainer.kubeflow.org/trainjob", "pod")
CONCURRENCY = {
    "Job.batch": 5,
    "Pod": 5,
    "Workload.kueue.x-k8s.io": 10,
}
"""Objects of a kind that are seen to at a time, after upstream's own values. Queues are seen to one
at a time: what changes while one is written goes into its next status, and is no write of its
own."""


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: webhooks only where teams work, so that the platform needs no Kueue."""
    repository, tag = ctx.image(NAME).rsplit(":", 1)
    return {
        "fullnameOverride": NAME,
        "controllerManager": {
            "replicas": ctx.facts.replicas,
            "manager": {
                "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
                # Its caches take some 75 KiB for each job, also for those that have ended.
                "resources": resources("50m", "128Mi", "2Gi"),
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
        "controller": {"groupKindConcurrency": dict(CONCURRENCY)},
        "manageJobsWithoutQueueName": False,
        "managedJobsNamespaceSelector": {
            "matchExpressions": [{"key": TENANT, "operator": "Exists"}]
        },
        # Of what several want to borrow each gets its part; who has more than it gives back first.
        "fairSharing": {
            "preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]
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


def priority(name: str, value: int) -> Manifest:
    """Return a class of priority: who goes first and who goes back first."""
    return {
        "apiVersion": API,
        "kind": "WorkloadPriorityClass",
        "metadata": {"name": name},
        "value": value,
    }


def cluster_queue(
    name: str, tenant: Manifest, groups: Sequence[Manifest] = (), *, weight: int = 1
) -> Manifest:
    """Return a queue of the cohort: what a queue does not use is lent to the others of it.

    ``tenant`` selects the namespaces whose jobs it takes. Who lent has it back at once when it is
    needed: jobs of those who borrowed most, by ``weight``, go back into their queue.
    """
    return {
        "apiVersion": API,
        "kind": "ClusterQueue",
        "metadata": {"name": name},
        "spec": {
            "cohortName": PLATFORM,
            "namespaceSelector": tenant,
            "fairSharing": {"weight": str(weight)},
            "preemption": {
                "reclaimWithinCohort": "Any",
                "withinClusterQueue": "LowerPriority",
            },
            **({"resourceGroups": list(groups)} if groups else {}),
        },
    }


def local_queue(team: Team) -> Manifest:
    """Return the queue that a team's jobs name."""
    return {
        "apiVersion": API,
        "kind": "LocalQueue",
        "metadata": {"name": LOCAL_QUEUE, "namespace": team.namespace},
        "spec": {"clusterQueue": team.name if team.quota else PLATFORM},
    }


def queues(ctx: Context) -> list[Manifest]:
    """Return flavors, priorities and the platform's own queue: its quota is what no team has."""
    every = {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}
    return [
        *[flavor(pool) for pool in ctx.facts.pools],
        *[priority(name, value) for name, value in PRIORITIES.items()],
        cluster_queue(PLATFORM, every),
    ]


def per_team(ctx: Context, team: Team) -> Share:
    """Give a team its queue, which only its own namespace gets jobs into."""
    made: list[Manifest] = []
    if team.quota:
        own = {"matchLabels": {TENANT: team.name}}
        given = groups(team.quota, borrowing=team.borrowing, lending=team.lending)
        made.append(cluster_queue(team.name, own, given, weight=team.weight))
    asks = job(
        NAME,
        team.namespace,
        "queue-proof",
        image=ctx.image("curl"),
        command=["true"],
        user=65532,
        labels={QUEUE: LOCAL_QUEUE},
    )
    return Share(
        # A queue does not go as long as something runs on its quota.
        beneath=made,
        resources=[local_queue(team)],
        proof=(
            condition(API, "LocalQueue", LOCAL_QUEUE, "Active", namespace=team.namespace),
            completes(f"a job of team {team.name} is admitted and completes", asks),
        ),
        rules=[
            allow("kueue.x-k8s.io", ["localqueues", "workloads"], ["get", "list", "watch"]),
        ],
    )


def ready(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the kinds are served and that their webhooks answer."""
    return (
        established("clusterqueues.kueue.x-k8s.io"),
        available("Deployment", NAMESPACE, "kueue-controller-manager"),
        accepted("the webhooks of Kueue answer", flavor(ctx.facts.pools[0])),
    )


def proof(_: Context) -> tuple[Probe, ...]:
    """Claim that the platform's queue is active; each team's queue admits a job."""
    return (condition(API, "ClusterQueue", PLATFORM, "Active"),)


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
    per_team=per_team,
    capacity=lambda ctx: capacity(ctx.facts.pools, ctx.devices),
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
