"""The load of the benchmark: who forks how much, and which jobs they send. Pure, from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from components.clusters.shapes import NVIDIA
from components.labels import DOMAIN, FAKE_NODE, QUEUE
from components.pods import container_security, pod_security

LOCAL_QUEUE = "default"
LEAST, MOST = 0.625, 1.0
"""Part of an even share of the accelerators that a team is guaranteed: all of them fit."""
SIZES = {(1, 1): 15, (1, 2): 20, (1, 4): 25, (1, 8): 25, (2, 8): 15}
"""How many of 100 jobs have so many pods with so many accelerators each."""
SHORTEST, LONGEST = 120, 300
"""Seconds that a pod runs."""
AROUND = {"cpu": 8, "memory_gib": 64}
"""Cores and GiB that a pod asks for with each accelerator."""


class Appetite(Enum):
    """How many jobs a team sends, in parts; for each, how many of ten teams are like that."""

    LITTLE = (1, 3)
    STEADY = (3, 4)
    FLOOD = (6, 3)


@dataclass(frozen=True, kw_only=True)
class TeamPlan:
    """A team, the accelerators that it is guaranteed, and how much it wants."""

    name: str
    gpus: int
    appetite: Appetite


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """A job: ``pods`` at once, each with ``gpus`` accelerators for so many ``seconds``."""

    team: str
    name: str
    pods: int
    gpus: int
    seconds: int


def teams(count: int, accelerators: int, seed: int) -> list[TeamPlan]:
    """Return so many teams whose guaranteed parts fit into the accelerators that there are."""
    chance = random.Random(seed)
    even = accelerators / count
    wants = [appetite for appetite in Appetite for _ in range(appetite.value[1])]
    return [
        TeamPlan(
            name=f"team-{number:02}",
            gpus=int(even * chance.uniform(LEAST, MOST)),
            appetite=wants[number % len(wants)],
        )
        for number in range(1, count + 1)
    ]


def jobs(plans: Sequence[TeamPlan], count: int, seed: int) -> list[JobPlan]:
    """Return so many jobs in the order in which they are sent.

    All teams send one after the other until they have no more, so that at first all of them want
    more than they have, and at last those alone that flood.
    """
    chance = random.Random(seed)
    parts = sum(plan.appetite.value[0] for plan in plans)
    own = {plan.name: count * plan.appetite.value[0] // parts for plan in plans}
    for plan in sorted(plans, key=lambda p: -p.appetite.value[0])[: count - sum(own.values())]:
        own[plan.name] += 1
    sizes, weights = list(SIZES), list(SIZES.values())
    found = []
    for turn in range(max(own.values())):
        for plan in plans:
            if turn < own[plan.name]:
                pods, gpus = chance.choices(sizes, weights)[0]
                name, seconds = f"job-{turn + 1:04}", chance.randint(SHORTEST, LONGEST)
                found.append(
                    JobPlan(team=plan.name, name=name, pods=pods, gpus=gpus, seconds=seconds)
                )
    return found


def shortest(planned: Sequence[JobPlan], accelerators: int) -> float:
    """Return the seconds that the jobs take at the least when no accelerator is ever idle."""
    return sum(job.pods * job.gpus * job.seconds for job in planned) / accelerators


def told(
    plans: Sequence[TeamPlan], planned: Sequence[JobPlan], accelerators: int
) -> dict[str, Any]:
    """Return the plan in figures."""
    return {
        "teams": len(plans),
        "accelerators": accelerators,
        "guaranteed": sum(one.gpus for one in plans),
        "jobs": len(planned),
        "pods": sum(job.pods for job in planned),
        "shortest": SHORTEST,
        "longest": LONGEST,
        "shortest_possible": round(shortest(planned, accelerators)),
    }


def manifest(planned: JobPlan) -> dict[str, Any]:
    """Return the Job as a member would write it, for simulated nodes."""
    asked = {
        "cpu": str(AROUND["cpu"] * planned.gpus),
        "memory": f"{AROUND['memory_gib'] * planned.gpus}Gi",
        NVIDIA: str(planned.gpus),
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": pod_security(65532),
        "tolerations": [{"key": FAKE_NODE, "operator": "Equal", "value": "fake"}],
        "containers": [
            {
                "name": "main",
                # The simulated kubelet runs nothing: there is no such image.
                "image": "simulated.invalid/work",
                "securityContext": container_security(),
                "resources": {
                    "requests": asked,
                    "limits": {name: asked[name] for name in ("memory", NVIDIA)},
                },
            }
        ],
    }
    ends = {f"{DOMAIN}/simulated-duration": f"{planned.seconds}s"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": planned.name,
            "namespace": planned.team,
            "labels": {QUEUE: LOCAL_QUEUE},
        },
        "spec": {
            "suspend": True,
            "parallelism": planned.pods,
            "completions": planned.pods,
            "template": {"metadata": {"annotations": ends}, "spec": pod},
        },
    }
