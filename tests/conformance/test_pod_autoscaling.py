"""Replicas that hold accelerators follow a metric of their own: one, two, and one again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.labels import METRICS
from tests.conformance import pods
from tests.conformance.accelerators import accelerators, template
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
NAME = "worker"
METRIC = "conformance_waiting_requests"
THRESHOLD = 5
PROMETHEUS = "http://prometheus.monitoring.svc:9090"


def order(space: str) -> dict[str, Any]:
    """One replica for each five requests that wait, two at the most."""
    query = f'max({METRIC}{{namespace="{space}"}})'
    asked = {"serverAddress": PROMETHEUS, "query": query, "threshold": str(THRESHOLD)}
    at_once = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": NAME, "namespace": space},
        "spec": {
            "scaleTargetRef": {"name": NAME},
            "minReplicaCount": 1,
            "maxReplicaCount": 2,
            "pollingInterval": 5,
            "advanced": {"horizontalPodAutoscalerConfig": at_once},
            "triggers": [{"type": "prometheus", "metadata": asked}],
        },
    }


def test_replicas_follow_a_metric_of_the_workload(case: Case) -> None:
    if case.find("crd", "scaledobjects.keda.sh") is None:
        case.not_implemented(
            "nothing gives the autoscaler of Kubernetes a metric of a workload; the addon keda does"
        )
    case.uses("keda", "prometheus")
    there = accelerators(case)
    space = case.place()
    at = f"--namespace={space}"
    ports = [{"name": "metrics", "containerPort": 8000}]
    serving = pods.spec(
        pods.python("main", pods.STUB, METRIC, "0", claims=["device"], ports=ports),
        claims={"device": "one"},
    )
    labels = {METRICS: "metrics"}
    made = [
        template("one", space, there.name),
        pods.deployment(NAME, space, serving, labels),
        order(space),
    ]
    case.kubectl("apply", "--filename=-", given=made)
    ready = ("get", "deployment", NAME, at, "--output=jsonpath={.status.readyReplicas}")
    case.until("one replica is ready", ready, lambda said: said == "1")
    first = _first(case, at)
    # KEDA calls the autoscaler that it makes after the order.
    autoscaler = ("get", "horizontalpodautoscaler", f"keda-hpa-{NAME}", at, "--output=json")
    case.until("the autoscaler has read the metric", autoscaler, _has_read)
    _set(case, at, first, THRESHOLD * 2)
    case.until("a second replica is ready", ready, lambda said: said == "2")
    case.kubectl("describe", "horizontalpodautoscaler", f"keda-hpa-{NAME}", at)
    case.kubectl("get", "resourceclaims.resource.k8s.io", at)
    _set(case, at, first, 0)
    # The metric is of a pod, which may be the one that goes: without it there is nothing to follow
    # but what the other tells, which is none as well.
    case.until("one replica is left", ready, lambda said: said == "1")
    case.implemented(
        f"Replicas that each hold a device went from 1 to 2 and back by {METRIC}, which the pods"
        " tell and Prometheus collects"
    )


def _has_read(said: str) -> bool:
    metrics = json.loads(said).get("status", {}).get("currentMetrics") or []
    return any((metric.get("external") or {}).get("current") for metric in metrics)


def _first(case: Case, at: str) -> str:
    (pod,) = case.every("pods", at, f"--selector=app={NAME}")
    return str(pod["metadata"]["name"])


def _set(case: Case, at: str, pod: str, value: int) -> None:
    change = f"import urllib.request as r; r.urlopen('http://localhost:8000/set?{value}').read()"
    case.kubectl("exec", pod, at, "--", "python3", "-c", change)
