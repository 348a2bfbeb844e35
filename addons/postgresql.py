"""PostgreSQL: the databases of MLflow, and later of Feast, on the platform's own volume."""

from __future__ import annotations

from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import managed, selector
from components.pods import container_security, job, pod_security, resources, versioned
from components.probes import Probe, available
from components.stores import Database

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


def workloads(ctx: Context) -> list[Manifest]:
    """Return the server and one Job for each database that is needed."""
    metadata = {"name": NAME, "namespace": NAME, "labels": managed(NAME)}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": {"password": ctx.secret("postgresql")},
        },
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
            "spec": {"selector": selector(NAME), "ports": [{"name": "sql", "port": PORT}]},
        },
        _server(ctx, metadata),
    ]


def _server(ctx: Context, metadata: dict[str, Any]) -> Manifest:
    check = {"exec": {"command": ["pg_isready", "--host=127.0.0.1", "--quiet"]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            "serviceName": NAME,
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
                    "containers": [
                        {
                            "name": NAME,
                            "image": ctx.image("postgres"),
                            "imagePullPolicy": "IfNotPresent",
                            "command": ["sh", "/etc/cnai/serve.sh"],
                            "env": [{"name": "PGDATA", "value": f"{DATA}/pgdata"}],
                            "ports": [{"name": "sql", "containerPort": PORT}],
                            "readinessProbe": {**check, "periodSeconds": 3, "timeoutSeconds": 5},
                            "securityContext": container_security(),
                            "resources": resources("50m", "128Mi", "512Mi"),
                            "volumeMounts": [
                                {"name": "data", "mountPath": DATA},
                                {"name": "program", "mountPath": "/etc/cnai"},
                                {"name": "password", "mountPath": "/run/secrets/cnai"},
                                {"name": "run", "mountPath": "/var/run/postgresql"},
                                {"name": "tmp", "mountPath": "/tmp"},
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": "program", "configMap": {"name": NAME}},
                        {"name": "password", "secret": {"secretName": NAME}},
                        {"name": "run", "emptyDir": {}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            },
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "storageClassName": ctx.facts.storage_class,
                        "resources": {"requests": {"storage": ctx.settings.storage}},
                    },
                }
            ],
        },
    }


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
