"""Objects as an API server lists them, with what the tests say and no more."""

from __future__ import annotations

from typing import Any

from components.status.observed import Observed

Object = dict[str, Any]
THEN, LATER = "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"


def observed(**kinds: list[Object]) -> Observed:
    return Observed(by_kind=kinds)


def namespace(name: str) -> Object:
    return {"metadata": {"name": name, "creationTimestamp": THEN}}


def deployment(name: str, space: str, want: int, have: int, **metadata: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": space, "generation": 1, **metadata},
        "spec": {"replicas": want},
        "status": {"observedGeneration": 1, "readyReplicas": have},
    }


def pod(name: str, space: str, *, ready: bool, at: str = THEN, **status: Any) -> Object:
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": at}
    return {
        "metadata": {"name": name, "namespace": space, "creationTimestamp": THEN},
        "spec": {"containers": [{"name": "main"}], "nodeName": "n0"},
        "status": {"phase": "Running", "conditions": [condition], **status},
    }


def node(name: str, *, labels: dict[str, str] | None = None, **amounts: Any) -> Object:
    ready = {"type": "Ready", "status": "True"}
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {},
        "status": {
            "conditions": [ready],
            "capacity": amounts.get("capacity", {}),
            "allocatable": amounts.get("allocatable", amounts.get("capacity", {})),
        },
    }
