"""PostgreSQL: the databases of MLflow, and later of Feast, on the platform's own volume."""

from __future__ import annotations

from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.pods import container_security, job, resources, versioned
from components.probes import Probe, available
from components.stores import Database
from components.workloads import Server, mounts, variables

NAME = "postgresql"
USER = 999
"""Numeric user of the official Debian-based image."""
PORT = 5432
HOST = f"{NAME}.{NAME}.svc"
DATA = "/var/lib/postgresql/data"


class PostgresqlSettings(AddonSettings):
    """``storage`` is the size of the volume, a Kubernetes quantity."""

    storage: str = "4Gi"


def database(name: str, password: Any) -> Database:
    """Return the connection of the database that this addon makes for another."""
    return Database(name=name, user=name, password=password, host=HOST, port=PORT)


def server(ctx: Context) -> Server:
    """Return the one server; its volume is the addon's only state."""
    check = {"exec": {"command": ["pg_isready", "--host=127.0.0.1", "--quiet"]}}
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        annotations=versioned(script(NAME, "serve.sh")),
        volumes={
            "program": {"configMap": {"name": NAME}},
            "password": {"secret": {"secretName": NAME}},
            "run": {"emptyDir": {}},
        },
        container={
            "image": ctx.image("postgres"),
            "command": ["sh", "/etc/cnai/serve.sh"],
            "env": variables({"PGDATA": f"{DATA}/pgdata"}),
            "ports": [{"name": "sql", "containerPort": PORT}],
            "readinessProbe": {**check, "periodSeconds": 3, "timeoutSeconds": 5},
            "securityContext": container_security(),
            "resources": resources("50m", "128Mi", "512Mi"),
            "volumeMounts": mounts(
                data=DATA,
                program="/etc/cnai",
                password="/run/secrets/cnai",
                run="/var/run/postgresql",
            ),
        },
    )


def workloads(ctx: Context) -> list[Manifest]:
    """Return the server, its address, its script and the superuser's password."""
    served = server(ctx)
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": served.metadata,
            "stringData": {"password": ctx.secret("postgresql")},
        },
        served.config({"serve.sh": script(NAME, "serve.sh")}),
        served.service([{"name": "sql", "port": PORT}]),
        served.stateful(storage_class=ctx.facts.storage_class, storage=ctx.settings.storage),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the server takes connections."""
    return (available("StatefulSet", NAME, NAME),)


def databases(ctx: Context) -> list[Manifest]:
    """Return, for each database, its password and the Job that makes it and logs in."""
    made: list[Manifest] = []
    for name in ctx.databases:
        wanted = ctx.database(name)
        credentials = wanted.secret(NAME)
        credentials["metadata"]["name"] = f"database-{name}"
        made += [
            credentials,
            job(
                NAME,
                NAME,
                f"database-{name}",
                image=ctx.image("postgres"),
                command=["sh", "-c", script(NAME, "database.sh")],
                user=USER,
                env=[
                    {
                        "name": "SUPERUSER_PASSWORD",
                        "valueFrom": {"secretKeyRef": {"name": NAME, "key": "password"}},
                    }
                ],
                env_from=[{"secretRef": {"name": f"database-{name}"}}],
            ),
        ]
    return made


ADDON = Addon(
    name=NAME,
    title="PostgreSQL server with a database and a user for each addon that needs one",
    namespace=NAME,
    provides=("database",),
    images=("postgres",),
    passwords=("postgresql",),
    settings=PostgresqlSettings,
    workloads=workloads,
    ready=ready,
    resources=databases,
    database=database,
)
