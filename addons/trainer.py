"""Kubeflow Trainer: distributed training as one TrainJob, on runtimes that the platform keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.access import allow
from components.addon import Addon, Context, Manifest
from components.pods import container_security, pod_security, resources
from components.probes import Probe, accepted, available, completes, established
from components.scrapes import Scrape
from components.team import WRITE, Share, Team

NAME = "trainer"
NAMESPACE = "kubeflow-system"
"""The upstream AI conformance suite looks for the operator here."""
API = "trainer.kubeflow.org/v1alpha1"
RUNTIME = "jax-distributed"
USER = 65532


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: own JobSet, own runtimes (the chart's come from the internet)."""
    registry, path = ctx.image(NAME).split("/", 1)
    repository, tag = path.rsplit(":", 1)
    return {
        "fullnameOverride": "kubeflow-trainer",
        "nameOverride": "kubeflow-trainer",
        "crds": {"enabled": False},
        "jobset": {"install": False},
        "dataCache": {"enabled": False, "lws": {"install": False}},
        "runtimes": {"defaultEnabled": False},
        "image": {"registry": registry, "repository": repository, "tag": tag},
        "manager": {
            "replicas": ctx.facts.replicas,
            "resources": resources("20m", "64Mi", "512Mi"),
        },
    }


def crds(ctx: Context) -> Sequence[Path]:
    """Return the kinds TrainJob, TrainingRuntime and ClusterTrainingRuntime."""
    return sorted((ctx.module(NAME) / "manifests" / "base" / "crds").glob("trainer.*.yaml"))


def runtime(ctx: Context) -> Manifest:
    """Return the JAX runtime: pods that may not be root, and find each other by JAX's variables."""
    container = {
        "name": "node",
        "image": ctx.image("trainer-jax"),
        "imagePullPolicy": "IfNotPresent",
        # The SDK writes the function that it sends into the working directory.
        "workingDir": "/tmp",
        "env": [
            {"name": "HOME", "value": "/tmp"},
            # The numeric user has no entry in passwd; MLflow asks who runs.
            {"name": "USER", "value": NAME},
            {"name": "GIT_PYTHON_REFRESH", "value": "quiet"},
            {"name": "MLFLOW_DISABLE_TELEMETRY", "value": "true"},
            # Artifacts go through the server: teams have no way to its store.
            {"name": "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "value": "false"},
            {"name": "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "value": "false"},
            *telemetry(ctx),
        ],
        # Where a team has a login to MLflow, its pods are it.
        "envFrom": [{"secretRef": {"name": "mlflow", "optional": True}}],
        # The SDK refuses limits that name no device, so cpu is named beside memory.
        "resources": {
            "requests": {"cpu": "250m", "memory": "768Mi"},
            "limits": {"cpu": "2", "memory": "1Gi"},
        },
        "securityContext": container_security(),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": pod_security(USER),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    # A Job fails with its first pod, and JobSet starts all again together: one lost process spoils
    # the whole group.
    node = {
        "name": "node",
        "template": {
            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        },
    }
    return {
        "apiVersion": API,
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": RUNTIME, "labels": {"trainer.kubeflow.org/framework": "jax"}},
        "spec": {
            "mlPolicy": {"numNodes": 1, "jax": {}},
            "template": {"spec": {"failurePolicy": {"maxRestarts": 2}, "replicatedJobs": [node]}},
        },
    }


def telemetry(ctx: Context) -> list[Manifest]:
    """Return where spans go and what they say of their pod; nothing without a collector."""
    if "otlp" not in ctx.addresses:
        return []
    pod = {"POD": "metadata.name", "NAMESPACE": "metadata.namespace", "NODE": "spec.nodeName"}
    who = "k8s.pod.name=$(POD),k8s.namespace.name=$(NAMESPACE),k8s.node.name=$(NODE)"
    return [
        *({"name": n, "valueFrom": {"fieldRef": {"fieldPath": p}}} for n, p in pod.items()),
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": ctx.addresses["otlp"]},
        {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": who},
    ]


def sample() -> Manifest:
    """Return a TrainJob of one node that imports JAX and ends."""
    return {
        "apiVersion": API,
        "kind": "TrainJob",
        "metadata": {"name": "proof", "namespace": NAMESPACE},
        "spec": {
            "runtimeRef": {"name": RUNTIME},
            "trainer": {
                "numNodes": 1,
                "command": ["python3", "-c", "import jax; print(jax.devices())"],
                "resourcesPerNode": {"requests": {"cpu": "50m", "memory": "128Mi"}},
            },
        },
    }


def ready(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the kinds are served and that their webhooks answer."""
    return (
        established("trainjobs.trainer.kubeflow.org"),
        established("clustertrainingruntimes.trainer.kubeflow.org"),
        available("Deployment", NAMESPACE, "kubeflow-trainer-controller-manager"),
        accepted("the webhooks of Trainer answer", runtime(ctx)),
    )


def proof(_: Context) -> tuple[Probe, ...]:
    """Claim that a TrainJob runs to its end."""
    return (completes("a TrainJob completes", sample()),)


def per_team(_ctx: Context, _team: Team) -> Share:
    """Let members train."""
    return Share(rules=[allow("trainer.kubeflow.org", ["trainjobs", "trainingruntimes"], WRITE)])


ADDON = Addon(
    name=NAME,
    title="Distributed training as one TrainJob",
    namespace=NAMESPACE,
    requires=("jobset",),
    images=("trainer", "trainer-jax"),
    chart=NAME,
    crds=crds,
    values=values,
    ready=ready,
    per_team=per_team,
    resources=lambda ctx: [runtime(ctx)],
    proof=proof,
    scrapes=(
        Scrape(
            name=NAME,
            namespace=NAMESPACE,
            labels={"app.kubernetes.io/name": "kubeflow-trainer"},
            port=8443,
            secure=True,
        ),
    ),
)
