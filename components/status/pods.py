"""Pods: whether they are ready, what is the matter, and since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]
STARTING = ("ContainerCreating", "PodInitializing")


def ready_since(pod: Object) -> tuple[bool, datetime | None]:
    """Say whether a pod is ready and not about to end, and since when it is or is not."""
    found = condition(pod, "Ready")
    ending = pod["metadata"].get("deletionTimestamp")
    ready = found.get("status") == "True" and not ending
    since = ending or found.get("lastTransitionTime") or pod["metadata"].get("creationTimestamp")
    return ready, moment(since)


def condition(found: Object, type_: str) -> Mapping[str, Any]:
    """Return a condition of an object, or an empty one."""
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == type_), {})


def moment(text: str | None) -> datetime | None:
    """Return a time as Kubernetes writes it."""
    return datetime.fromisoformat(text) if text else None


def lasting(pods: Iterable[Object]) -> list[Object]:
    """Leave out the pods of jobs, which are meant to end."""
    return [pod for pod in pods if not _ends(pod)]


def _ends(pod: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or []
    done = (pod.get("status") or {}).get("phase") == "Succeeded"
    return done or any(owner.get("kind") == "Job" for owner in owners)


def trouble(pod: Object) -> str:
    """Say in a few words why a pod is not ready."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return f"pod {name} is ending"
    unscheduled = condition(pod, "PodScheduled")
    if unscheduled.get("status") == "False":
        return f"pod {name} is not scheduled: {unscheduled.get('message', '')}"
    if status.get("reason"):  # evicted, or its node was lost
        return f"pod {name}: {status['reason']} {status.get('message', '')}".strip()
    waits: list[str] = []
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in every:
        state = container.get("state") or {}
        if waiting := state.get("waiting"):
            waits.append(waiting.get("reason", "waiting"))
        elif (ended := state.get("terminated")) and ended.get("exitCode"):
            return f"pod {name}: {container['name']} ended with exit code {ended['exitCode']}"
    if serious := [reason for reason in waits if reason not in STARTING]:
        return f"pod {name}: {serious[0]}"
    if waits or not every:
        return f"pod {name} is starting"
    return f"pod {name} runs and is not ready"
