"""Feast: a team's features, as Parquet files to train on and as rows in PostgreSQL to serve."""

from __future__ import annotations

from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import managed, selector
from components.pods import container_security, job, resources, versioned
from components.probes import available, completes
from components.scrapes import Scrape
from components.team import Share, Team, Way
from components.workloads import Server, mounts, variables

NAME = "feast"
ONLINE, OFFLINE, REGISTRY, METRICS = 6566, 8815, 6570, 8000
"""The ports that Feast's own commands listen on."""
USER = 65532
PROGRAM = ("feature_store.yaml", "platform_provider.py", "serve.py")
FILES = (*PROGRAM, "proof.py")


class FeastSettings(AddonSettings):
    """``schedule`` says when new rows become servable, in the form of cron (UTC)."""

    schedule: str = "0 * * * *"


def project(team: str) -> str:
    """Return the Feast project of a team: letters, digits and underscores."""
    return team.replace("-", "_")


def client(team: str) -> str:
    """Return the ``feature_store.yaml`` with which a team's pods speak to its servers."""
    ports = {"online": ONLINE, "offline": OFFLINE, "registry": REGISTRY}
    host = f"{team}.{NAME}.svc"
    return script(NAME, "client.yaml").format(project=project(team), host=host, **ports)


def stores(team: Team) -> list[dict[str, Any]]:
    """Return the Secrets that a team's servers have: a tenant's open what is its own and no other.

    A source of features may name any file, and a view may bring code of its own: the servers are
    who reads the one and runs the other.
    """
    return [{"secretRef": {"name": secret(kind, team)}} for kind in ("database", "bucket")]


def secret(kind: str, team: Team) -> str:
    """Return the name of the Secret that opens a store to a team's servers."""
    return f"{kind}-{team.name}" if team.tenant else kind


def environment(team: str) -> list[dict[str, str]]:
    """Return what the programs of a team's project read from their environment."""
    return variables(
        {
            "HOME": "/tmp",
            "PROJECT": project(team),
            "PYTHONPATH": "/etc/cnai",
            # Else Arrow looks for the address of the machine's role, which only clouds have.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )


def patience(failures: int) -> dict[str, int]:
    """Return how long a probe waits for an answer, and how many failures it lets pass."""
    return {"timeoutSeconds": 10, "failureThreshold": failures}


def server(ctx: Context, whose: Team) -> Server:
    """Return the servers of a team's project: features, training rows and registry."""
    team = whose.name
    ports = {"online": ONLINE, "offline": OFFLINE, "registry": REGISTRY, "metrics": METRICS}
    return Server(
        name=team,
        addon=NAME,
        namespace=NAME,
        user=USER,
        annotations=versioned(*(script(NAME, name) for name in PROGRAM)),
        volumes={"program": {"configMap": {"name": NAME}}},
        container={
            "image": ctx.image(NAME),
            "command": ["python3", "/etc/cnai/serve.py"],
            "env": environment(team),
            "envFrom": stores(whose),
            "ports": [{"name": n, "containerPort": port} for n, port in ports.items()],
            # One probe for each server; imports take a minute on two busy cores.
            "startupProbe": {"grpc": {"port": REGISTRY}, "periodSeconds": 3, **patience(100)},
            "readinessProbe": {"httpGet": {"path": "/health", "port": "online"}, **patience(3)},
            "livenessProbe": {"tcpSocket": {"port": "offline"}, "periodSeconds": 30, **patience(5)},
            "securityContext": container_security(),
            "resources": resources("20m", "288Mi", "1536Mi"),
            "volumeMounts": mounts(program="/etc/cnai"),
        },
    )


def fence(team: str) -> Manifest:
    """Return the rule that only the team itself, and what runs beside the servers, gets in."""
    namespaces = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [team, NAME]}
    sources = [{"namespaceSelector": {"matchExpressions": [namespaces]}}]
    asked = {"from": sources, "ports": [{"port": p} for p in (ONLINE, OFFLINE, REGISTRY)]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": team, "namespace": NAME, "labels": managed(NAME, team)},
        "spec": {
            "podSelector": {"matchLabels": selector(NAME, team)},
            "policyTypes": ["Ingress"],
            "ingress": [asked, {"ports": [{"port": METRICS}]}],
        },
    }


def task(
    ctx: Context, whose: Team, name: str, command: list[str], env_from: list[dict[str, Any]]
) -> Manifest:
    """Return a Job of a team's project, with what its servers have of files and environment."""
    team = whose.name
    made = job(
        NAME,
        NAME,
        f"{name}-{team}",
        image=ctx.image(NAME),
        command=command,
        user=USER,
        env=[*environment(team), *variables({"CLIENT": client(team)})],
        env_from=env_from,
    )
    pod = made["spec"]["template"]["spec"]
    pod["volumes"].append({"name": "program", "configMap": {"name": NAME}})
    pod["containers"][0]["volumeMounts"] = mounts(program="/etc/cnai")
    pod["containers"][0]["resources"] = resources("20m", "256Mi", "1536Mi")
    return made


def materialization(ctx: Context, team: Team) -> Manifest:
    """Return the CronJob that copies new rows of the files into the online store."""
    command = ["sh", "-ec", script(NAME, "materialize.sh")]
    made = task(ctx, team, "materialize", command, stores(team))
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": made["metadata"],
        "spec": {
            "schedule": ctx.settings.schedule,
            "timeZone": "Etc/UTC",
            # Two at once would both write the same rows.
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 1,
            "jobTemplate": {"spec": {**made["spec"], "backoffLimit": 2}},
        },
    }


def config(namespace: str, data: dict[str, str]) -> Manifest:
    """Return the ConfigMap ``feast`` of a namespace."""
    metadata = {"name": NAME, "namespace": namespace, "labels": managed(NAME)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def workloads(ctx: Context) -> list[Manifest]:
    """Return the ways to the stores, and the program of the servers."""
    return [
        ctx.database(NAME).secret(NAME),
        ctx.bucket(NAME).secret(NAME),
        config(NAME, {name: script(NAME, name) for name in FILES}),
    ]


def own_keys(ctx: Context, team: Team) -> list[Manifest]:
    """Return the Secrets of a tenant's own database and bucket, where the servers find them."""
    if not team.tenant:
        return []
    made = [ctx.team_database(team.name).secret(NAME), ctx.team_bucket(team.name).secret(NAME)]
    for one in made:
        one["metadata"]["name"] = secret(one["metadata"]["name"], team)
    return made


def archive(ctx: Context, team: Team) -> Manifest:
    """Return the Job that prints what is defined; a team that never came up has no Secret."""
    command = ["python3", "-c", script(NAME, "archive.py")]
    known = {"secretRef": {"name": secret("database", team), "optional": True}}
    return task(ctx, team, "archive", command, [known])


def per_team(ctx: Context, team: Team) -> Share:
    """Give a team its project: servers, fence, hourly copies, and what upstream's client reads.

    What a tenant leaves goes with its database and its bucket.
    """
    served = server(ctx, team)
    ports = {"online": ONLINE, "offline": OFFLINE, "registry": REGISTRY}
    return Share(
        workloads=[
            *own_keys(ctx, team),
            fence(team.name),
            served.service([{"name": name, "port": port} for name, port in ports.items()]),
            served.deployment(),
            materialization(ctx, team),
        ],
        # The Deployment asks each of the three servers.
        ready=[available("Deployment", NAME, team.name, timeout=600)],
        resources=[config(team.namespace, {"feature_store.yaml": client(team.name)})],
        proof=[
            completes(
                f"features of team {team.name} come back from Feast as they were written",
                task(ctx, team, "proof", ["python3", "/etc/cnai/proof.py"], stores(team)),
                timeout=600,
            )
        ],
        ways=[Way(namespace=NAME, pods=selector(NAME, team.name), ports=tuple(ports.values()))],
        archive={"feast.jsonl": archive(ctx, team)},
    )


ADDON = Addon(
    name=NAME,
    title="Features to train on (Parquet) and to serve (PostgreSQL), with a project for each team",
    namespace=NAME,
    databases=(NAME,),
    buckets=(NAME,),
    images=(NAME,),
    settings=FeastSettings,
    workloads=workloads,
    per_team=per_team,
    scrapes=(Scrape(name=NAME, namespace=NAME, labels={"cnai.dev/addon": NAME}, port=METRICS),),
)
