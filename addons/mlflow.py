"""MLflow: runs, metrics and models, in PostgreSQL and the object store, behind one address."""

from __future__ import annotations

from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import managed, selector
from components.pods import container_security, job, pod_security, resources, versioned
from components.probes import Probe, answers, available, completes

NAME = "mlflow"
PORT = 5000
USER = 65532


class MlflowSettings(AddonSettings):
    """``workers`` is the number of server processes, each of some 250 MiB."""

    workers: int = 1


def hosts(ctx: Context) -> list[str]:
    """Return the Host headers that the server answers to; others are refused (DNS rebinding)."""
    inside = [f"{NAME}", f"{NAME}.{NAME}", f"{NAME}.{NAME}.svc", f"{NAME}.{NAME}.svc.cluster.local"]
    outside = [ctx.facts.urls[NAME].split("://")[1]] if NAME in ctx.facts.urls else []
    return [*inside, *[f"{name}:{PORT}" for name in inside], *outside, "localhost:*", "127.0.0.1:*"]


def workloads(ctx: Context) -> list[Manifest]:
    """Return the server, its address and its connections."""
    metadata = {"name": NAME, "namespace": NAME, "labels": managed(NAME)}
    port: dict[str, Any] = {"name": "http", "port": PORT}
    node_port = ctx.facts.node_ports.get(NAME)
    if node_port:
        port["nodePort"] = node_port
    return [
        ctx.database(NAME).secret(NAME),
        ctx.bucket(NAME).secret(NAME),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"serve.sh": script(NAME, "serve.sh")},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "type": "NodePort" if node_port else "ClusterIP",
                "selector": selector(NAME),
                "ports": [port],
            },
        },
        _server(ctx, metadata),
    ]


def _server(ctx: Context, metadata: dict[str, Any]) -> Manifest:
    check = {"httpGet": {"path": "/health", "port": "http"}}
    container = {
        "name": NAME,
        "image": ctx.image(NAME),
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "/etc/cnai/serve.sh"],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            # Buckets are paths: host-style names of buckets do not resolve in the cluster.
            {"name": "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "value": "path"},
            {"name": "MLFLOW_DISABLE_TELEMETRY", "value": "true"},
            {"name": "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "value": "false"},
            {"name": "GIT_PYTHON_REFRESH", "value": "quiet"},
            {"name": "PORT", "value": str(PORT)},
            {"name": "WORKERS", "value": str(ctx.settings.workers)},
            {"name": "MLFLOW_SERVER_ALLOWED_HOSTS", "value": ",".join(hosts(ctx))},
        ],
        "envFrom": [{"secretRef": {"name": "database"}}, {"secretRef": {"name": "bucket"}}],
        "ports": [{"name": "http", "containerPort": PORT}],
        # Imports and the first migration take a minute on two busy cores.
        "startupProbe": {**check, "periodSeconds": 3, "failureThreshold": 100},
        "readinessProbe": {**check, "periodSeconds": 10, "timeoutSeconds": 5},
        "livenessProbe": {**check, "periodSeconds": 30, "timeoutSeconds": 10},
        "securityContext": container_security(),
        "resources": resources("100m", "512Mi", "1536Mi"),
        "volumeMounts": [
            {"name": "program", "mountPath": "/etc/cnai"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector(NAME)},
            "template": {
                "metadata": {
                    "labels": managed(NAME),
                    "annotations": versioned(script(NAME, "serve.sh")),
                },
                "spec": {
                    "automountServiceAccountToken": False,
                    "securityContext": pod_security(USER),
                    "containers": [container],
                    "volumes": [
                        {"name": "program", "configMap": {"name": NAME}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            },
        },
    }


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the server answers."""
    return (
        available("Deployment", NAME, NAME, timeout=600),
        answers(NAME, NAME, PORT, "/health", contains="OK"),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that a run with a metric and an artifact comes back as it was written."""
    return (
        completes(
            "a run, its metric and its artifact come back from MLflow",
            job(
                NAME,
                NAME,
                "mlflow-proof",
                image=ctx.image(NAME),
                command=["python3", "-c", script(NAME, "proof.py")],
                user=USER,
                env=[
                    {"name": "HOME", "value": "/tmp"},
                    {"name": "USER", "value": NAME},
                    {"name": "GIT_PYTHON_REFRESH", "value": "quiet"},
                    {
                        "name": "MLFLOW_TRACKING_URI",
                        "value": f"http://{NAME}.{NAME}.svc:{PORT}",
                    },
                ],
                cpu="50m",
                memory="512Mi",
            ),
        ),
    )


ADDON = Addon(
    name=NAME,
    title="Runs, metrics and models in PostgreSQL and the object store",
    namespace=NAME,
    databases=(NAME,),
    buckets=(NAME,),
    images=(NAME,),
    settings=MlflowSettings,
    workloads=workloads,
    ready=ready,
    proof=proof,
    endpoints={NAME: "http"},
)
