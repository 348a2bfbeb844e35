from __future__ import annotations

from typing import Any

from components.status.queues import queue_statuses
from tests.components.status.objects import observed


def amounts(total: str) -> list[dict[str, Any]]:
    return [{"name": "h100", "resources": [{"name": "nvidia.com/gpu", "total": total}]}]


def whole(name: str, **status: Any) -> dict[str, Any]:
    quota = {"name": "nvidia.com/gpu", "nominalQuota": "16"}
    group = {"flavors": [{"name": "h100", "resources": [quota]}]}
    return {
        "metadata": {"name": name},
        "spec": {"resourceGroups": [group]},
        "status": {"conditions": [{"type": "Active", "status": "True"}], **status},
    }


def local(namespace: str, cluster_queue: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"clusterQueue": cluster_queue},
        "status": {"conditions": [{"type": "Active", "status": "False", "message": "stopped"}]},
    }


def test_a_queue_is_told_with_quota_and_use() -> None:
    [found] = queue_statuses(
        observed(
            ClusterQueue=[
                whole(
                    "platform",
                    pendingWorkloads=3,
                    reservingWorkloads=2,
                    admittedWorkloads=1,
                    flavorsUsage=amounts("8"),
                    flavorsReservation=amounts("16"),
                )
            ]
        )
    )
    assert (found.pending, found.reserving, found.admitted, found.active) == (3, 2, 1, True)
    [use] = found.flavors
    assert (use.flavor, use.resource) == ("h100", "nvidia.com/gpu")
    assert (use.quota, use.reserved, use.used) == ("16", "16", "8")


def test_the_queues_of_teams_stand_below_theirs() -> None:
    seen = observed(
        ClusterQueue=[whole("b"), whole("a")],
        LocalQueue=[local("y", "a"), local("x", "a"), local("z", "lost")],
    )
    found = [(queue.kind, queue.namespace or queue.name) for queue in queue_statuses(seen)]
    assert found == [
        ("ClusterQueue", "a"),
        ("LocalQueue", "x"),
        ("LocalQueue", "y"),
        ("ClusterQueue", "b"),
        ("LocalQueue", "z"),
    ]
    stopped = queue_statuses(seen)[1]
    assert (stopped.active, stopped.reason) == (False, "stopped")


def test_without_kueue_there_are_no_queues() -> None:
    assert queue_statuses(observed()) == []
