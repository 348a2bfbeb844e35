"""Queues of Kueue: who waits, who is admitted, and what quota is in use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.status.observed import Observed
from components.status.pods import condition
from components.status.report import FlavorUse, QueueStatus

Amounts = dict[tuple[str, str], str]


def queue_statuses(seen: Observed) -> list[QueueStatus]:
    """Return each ClusterQueue and below it the LocalQueues that lead to it, by name."""
    local = [_local(found) for found in seen.of("LocalQueue")]
    local.sort(key=lambda queue: (queue.namespace or "", queue.name))
    queues: list[QueueStatus] = []
    for found in sorted(seen.of("ClusterQueue"), key=lambda found: str(found["metadata"]["name"])):
        whole = _queue(found, "ClusterQueue", str(found["metadata"]["name"]), _quotas(found))
        queues += [whole, *(queue for queue in local if queue.cluster_queue == whole.name)]
    return [*queues, *(queue for queue in local if queue not in queues)]


def _local(found: Mapping[str, Any]) -> QueueStatus:
    return _queue(found, "LocalQueue", str(found["spec"].get("clusterQueue", "")), {})


def _queue(
    found: Mapping[str, Any], kind: Any, cluster_queue: str, quotas: Mapping[tuple[str, str], str]
) -> QueueStatus:
    status, active = found.get("status") or {}, condition(found, "Active")
    held = active.get("status") == "True"
    used, reserved = (
        _amounts(status.get("flavorsUsage")),
        _amounts(status.get("flavorsReservation")),
    )
    return QueueStatus(
        kind=kind,
        name=found["metadata"]["name"],
        namespace=found["metadata"].get("namespace"),
        cluster_queue=cluster_queue,
        active=held,
        reason=None if held else str(active.get("message") or "not seen by Kueue yet"),
        pending=int(status.get("pendingWorkloads") or 0),
        reserving=int(status.get("reservingWorkloads") or 0),
        admitted=int(status.get("admittedWorkloads") or 0),
        flavors=[
            FlavorUse(
                flavor=flavor,
                resource=resource,
                quota=quotas.get((flavor, resource)),
                reserved=reserved.get((flavor, resource), "0"),
                used=used.get((flavor, resource), "0"),
            )
            for flavor, resource in dict.fromkeys([*quotas, *reserved, *used])
        ],
    )


def _quotas(found: Mapping[str, Any]) -> Amounts:
    return {
        (flavor["name"], resource["name"]): str(resource["nominalQuota"])
        for group in found["spec"].get("resourceGroups") or []
        for flavor in group["flavors"]
        for resource in flavor["resources"]
    }


def _amounts(flavors: list[Mapping[str, Any]] | None) -> Amounts:
    return {
        (flavor["name"], resource["name"]): str(resource.get("total", "0"))
        for flavor in flavors or []
        for resource in flavor.get("resources") or []
    }
