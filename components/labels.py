"""The one vocabulary of labels and annotations; pure, and shared with the policies."""

from __future__ import annotations

from collections.abc import Mapping

DOMAIN = "cnai.dev"
TENANT = f"{DOMAIN}/tenant"
"""On a namespace: the team that owns it. Deny rules and queues hold where it is set."""
ADDON = f"{DOMAIN}/addon"
"""On what the platform is made of: the addon that it is a part of."""
POOL = f"{DOMAIN}/pool"
"""On a node: the pool of the settings that it belongs to."""
DEVICE = f"{DOMAIN}/device"
"""On a node or result: what its accelerators are: ``real``, ``simulated`` or ``none``."""
QUEUE = "kueue.x-k8s.io/queue-name"
"""On a workload: the LocalQueue that admits it."""
METRICS = f"{DOMAIN}/metrics"
"""On a pod: the name of its container port that serves metrics in Prometheus' form. They are
collected from ``/metrics``, or from the path in the annotation ``cnai.dev/metrics-path``."""
METRICS_PATH = f"{DOMAIN}/metrics-path"
"""Annotation of a pod with the label above: where its metrics are."""
FAKE_NODE = "kwok.x-k8s.io/node"
"""Annotation and taint of a node that KWOK simulates."""


def managed(addon: str, name: str | None = None) -> dict[str, str]:
    """Labels of every object that an addon makes (the recommended Kubernetes labels)."""
    return {
        "app.kubernetes.io/name": name or addon,
        "app.kubernetes.io/part-of": "cnai",
        ADDON: addon,
    }


def selector(addon: str, name: str | None = None) -> dict[str, str]:
    """Return the smaller, immutable set that Deployments and Services select by."""
    return {"app.kubernetes.io/name": name or addon, ADDON: addon}


def merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Merge label sets; the later wins."""
    return {key: value for part in parts for key, value in part.items()}
