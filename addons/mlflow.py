"""MLflow: runs, metrics and models, in PostgreSQL and the object store, behind one address.

Each team works in a workspace of its own, as a user of its own: what one has nobody else sees.
"""

from __future__ import annotations

from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import managed, selector
from components.pods import container_security, job, resources, versioned
from components.probes import Probe, answers, available, completes
from components.team import Share, Team, Way
from components.workloads import Server, mounts, variables

NAME = "mlflow"
PORT = 5000
USER = 65532
ADMIN = "admin"
LOGIN = "mlflow"
"""Secret in a team's namespace with which upstream's client gets into the team's workspace."""
DEFAULT = "default"
"""Workspace of the teams of the platform itself."""


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
            "envFrom": [{"secretRef": {"name": name}} for name in ("database", "bucket", "server")],
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


def login(namespace: str, user: str, password: Any, space: str) -> Manifest:
    """Return the Secret that upstream's client reads its user and workspace from."""
    return _secret(
        LOGIN,
        namespace,
        MLFLOW_TRACKING_USERNAME=user,
        MLFLOW_TRACKING_PASSWORD=password,
        MLFLOW_WORKSPACE=space,
    )


def _secret(name: str, namespace: str, **data: Any) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "labels": managed(NAME)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def workloads(ctx: Context) -> list[Manifest]:
    """Return the server, its address, its script and its connections."""
    served, port = server(ctx), {"name": "http", "port": PORT}
    node_port = ctx.facts.node_ports.get(NAME)
    if node_port:
        port["nodePort"] = node_port
    return [
        ctx.database(NAME).secret(NAME),
        ctx.bucket(NAME).secret(NAME),
        _secret(
            "server",
            NAME,
            MLFLOW_AUTH_ADMIN_USERNAME=ADMIN,
            MLFLOW_AUTH_ADMIN_PASSWORD=ctx.secret("mlflow-admin"),
            # Signs the forms of the pages.
            MLFLOW_FLASK_SERVER_SECRET_KEY=ctx.secret("mlflow-pages"),
        ),
        login(NAME, ADMIN, ctx.secret("mlflow-admin"), DEFAULT),
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


def task(ctx: Context, name: str, program: str, *secrets: str, **env: str) -> Manifest:
    """Return a Job that works with the server by what Secrets of the addon's namespace say."""
    told = {
        "HOME": "/tmp",
        "USER": NAME,
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONWARNINGS": "ignore",
        "MLFLOW_TRACKING_URI": f"http://{NAME}.{NAME}.svc:{PORT}",
        **env,
    }
    return job(
        NAME,
        NAME,
        name,
        image=ctx.image(NAME),
        command=["python3", "-c", script(NAME, program)],
        user=USER,
        env=variables(told),
        env_from=[{"secretRef": {"name": secret}} for secret in secrets],
        cpu="50m",
        memory="512Mi",
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that a run with a metric and an artifact comes back as it was written."""
    what = "a run, its metric and its artifact come back from MLflow"
    return (completes(what, task(ctx, "mlflow-proof", "proof.py", LOGIN)),)


def per_team(ctx: Context, team: Team) -> Share:
    """Give a team its workspace and the login to it, and open the way to the server."""
    space = team.name if team.tenant else DEFAULT
    password = ctx.secret(f"mlflow-{team.name}")
    own = f"team-{team.name}"
    told = task(ctx, own, "team.py", LOGIN, TEAM=team.name, SPACE=space)
    told["spec"]["template"]["spec"]["containers"][0]["env"].append(
        {
            "name": "TEAM_PASSWORD",
            "valueFrom": {"secretKeyRef": {"name": own, "key": "MLFLOW_TRACKING_PASSWORD"}},
        }
    )
    theirs = login(NAME, team.name, password, space)
    theirs["metadata"]["name"] = own
    return Share(
        workloads=[theirs, login(team.namespace, team.name, password, space)],
        resources=[told],
        proof=[
            completes(
                f"team {team.name} works in its workspace of MLflow",
                task(ctx, f"proof-{team.name}", "proof.py", own),
            )
        ],
        ways=[Way(namespace=NAME, pods=selector(NAME), ports=(PORT,))],
        **_leaving(ctx, team, space),
    )


def _leaving(ctx: Context, team: Team, space: str) -> dict[str, Any]:
    """Return what is kept of a tenant's workspace and what takes it away; the default one stays."""
    if not team.tenant:
        return {}

    def told(name: str) -> Manifest:
        # As the admin, with the keys of the artifacts.
        by = (LOGIN, "bucket")
        return task(ctx, f"{name}-{team.name}", f"{name}.py", *by, TEAM=team.name, SPACE=space)

    return {"removal": [told("remove")], "archive": {"mlflow.jsonl": told("archive")}}


ADDON = Addon(
    name=NAME,
    title="Runs, metrics and models in PostgreSQL and the object store",
    namespace=NAME,
    passwords=("mlflow-admin", "mlflow-pages"),
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
