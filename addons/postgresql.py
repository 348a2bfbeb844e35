"""PostgreSQL: the databases of addons and of tenants, on the platform's own volume."""

from __future__ import annotations

from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.pods import container_security, job, resources, versioned
from components.probes import Probe, available
from components.stores import Database
from components.team import Share, Team
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


def team_database(team: str, password: Any) -> Database:
    """Return the connection of the database that this addon makes for a tenant."""
    return database(f"team-{team}", password)


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


def task(ctx: Context, name: str, program: str, **more: Any) -> Manifest:
    """Return a Job that works with the server as its superuser."""
    made = job(
        NAME,
        NAME,
        name,
        image=ctx.image("postgres"),
        command=["sh", "-c", script(NAME, program)],
        user=USER,
        **more,
    )
    made["spec"]["template"]["spec"]["containers"][0].setdefault("env", []).append(
        {
            "name": "SUPERUSER_PASSWORD",
            "valueFrom": {"secretKeyRef": {"name": NAME, "key": "password"}},
        }
    )
    return made


def made_by(ctx: Context, wanted: Database) -> list[Manifest]:
    """Return the password of a database and the Job that makes it and logs in."""
    name = f"database-{wanted.name}"
    credentials = wanted.secret(NAME)
    credentials["metadata"]["name"] = name
    return [credentials, task(ctx, name, "database.sh", env_from=[{"secretRef": {"name": name}}])]


def databases(ctx: Context) -> list[Manifest]:
    """Return what makes the database of each addon that needs one."""
    return [made for name in ctx.databases for made in made_by(ctx, ctx.database(name))]


def per_team(ctx: Context, team: Team) -> Share:
    """Give a tenant a database that no other tenant's servers get into."""
    if not team.tenant:
        return Share()
    own = ctx.team_database(team.name)
    where = variables({"PGHOST": own.host, "PGPORT": str(own.port), "PGDATABASE": own.name})
    return Share(
        resources=made_by(ctx, own),
        removal=[task(ctx, f"remove-{own.name}", "remove.sh", env=where)],
    )


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
    per_team=per_team,
    database=database,
    team_database=team_database,
)
