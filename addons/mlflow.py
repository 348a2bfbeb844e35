"""MLflow: runs, metrics and models, in PostgreSQL and the object store, behind one address."""

from __future__ import annotations

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import selector
from components.pods import container_security, job, resources, versioned
from components.probes import Probe, answers, available, completes
from components.team import Share, Team, Way
from components.workloads import Server, mounts, variables

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


def server(ctx: Context) -> Server:
    """Return the server; what it knows is in the database and the bucket."""
    check = {"httpGet": {"path": "/health", "port": "http"}}
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        annotations=versioned(script(NAME, "serve.sh")),
        volumes={"program": {"configMap": {"name": NAME}}},
        container={
            "image": ctx.image(NAME),
            "command": ["sh", "/etc/cnai/serve.sh"],
            "env": variables(
                {
                    "HOME": "/tmp",
                    # Buckets are paths: host-style names do not resolve in the cluster.
                    "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE": "path",
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                    "GIT_PYTHON_REFRESH": "quiet",
                    "PORT": str(PORT),
                    "WORKERS": str(ctx.settings.workers),
                    "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts(ctx)),
                }
            ),
            "envFrom": [{"secretRef": {"name": "database"}}, {"secretRef": {"name": "bucket"}}],
            "ports": [{"name": "http", "containerPort": PORT}],
            # Imports and the first migration take a minute on two busy cores.
            "startupProbe": {**check, "periodSeconds": 3, "failureThreshold": 100},
            "readinessProbe": {**check, "periodSeconds": 10, "timeoutSeconds": 5},
            "livenessProbe": {**check, "periodSeconds": 30, "timeoutSeconds": 10},
            "securityContext": container_security(),
            "resources": resources("100m", "512Mi", "1536Mi"),
            "volumeMounts": mounts(program="/etc/cnai"),
        },
    )


def workloads(ctx: Context) -> list[Manifest]:
    """Return the server, its address, its script and its connections."""
    served, port = server(ctx), {"name": "http", "port": PORT}
    node_port = ctx.facts.node_ports.get(NAME)
    if node_port:
        port["nodePort"] = node_port
    return [
        ctx.database(NAME).secret(NAME),
        ctx.bucket(NAME).secret(NAME),
        served.config({"serve.sh": script(NAME, "serve.sh")}),
        served.service([port], type_="NodePort" if node_port else "ClusterIP"),
        served.deployment(),
    ]


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
                env=variables(
                    {
                        "HOME": "/tmp",
                        "USER": NAME,
                        "GIT_PYTHON_REFRESH": "quiet",
                        "MLFLOW_TRACKING_URI": f"http://{NAME}.{NAME}.svc:{PORT}",
                    }
                ),
                cpu="50m",
                memory="512Mi",
            ),
        ),
    )


def per_team(_ctx: Context, _team: Team) -> Share:
    """Open the way to the server."""
    return Share(ways=[Way(namespace=NAME, pods=selector(NAME), ports=(PORT,))])


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
    per_team=per_team,
    proof=proof,
    endpoints={NAME: "http"},
    addresses={NAME: f"http://{NAME}.{NAME}.svc:{PORT}"},
)
