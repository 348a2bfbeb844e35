"""Object store: buckets behind the S3 API, kept on a volume by Versity S3 Gateway.

Each tenant has a bucket of its own and the only account, but the owner's, that gets into it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import selector
from components.pods import container_security, job, resources
from components.probes import Probe, available
from components.stores import Bucket
from components.team import Share, Team, Way
from components.workloads import Server, mounts, variables

NAME = "object-store"
USER = 65532
PORT = 7070
REGION = "us-east-1"
ENDPOINT = f"http://{NAME}.{NAME}.svc:{PORT}"
DATA = "/data"
ACCOUNTS = "/accounts"
OWNER = "cnai"
"""Account of the addons, which gets into every bucket."""


class ObjectStoreSettings(AddonSettings):
    """``storage`` is the size of the volume, a Kubernetes quantity."""

    storage: str = "8Gi"


def bucket(name: str, secret: Callable[[str], Any]) -> Bucket:
    """Return the connection of the bucket that this addon makes for another."""
    return Bucket(
        name=name,
        endpoint=ENDPOINT,
        region=REGION,
        access_key=OWNER,
        secret_key=secret("object-store"),
        reader_keys=(reader(name), secret(f"object-store-{reader(name)}")),
    )


def reader(name: str) -> str:
    """Return the name of the account that may read a bucket."""
    return f"{name}-reader"


def team_bucket(team: str, secret: Callable[[str], Any]) -> Bucket:
    """Return the connection of a tenant's own bucket; its account has the bucket's name."""
    name = f"team-{team}"
    return Bucket(
        name=name,
        endpoint=ENDPOINT,
        region=REGION,
        access_key=name,
        secret_key=secret(f"{NAME}-{name}"),
    )


def server(ctx: Context) -> Server:
    """Return the gateway; its volumes are the addon's only state."""
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        container={
            "image": ctx.image("versitygw"),
            "args": [
                *(f"--port=:{PORT}", f"--region={REGION}", "--health=/healthz"),
                *(f"--iam-dir={ACCOUNTS}", "posix", DATA),
            ],
            "envFrom": [{"secretRef": {"name": NAME}}],
            "ports": [{"name": "s3", "containerPort": PORT}],
            "readinessProbe": {
                "httpGet": {"path": "/healthz", "port": "s3"},
                "periodSeconds": 3,
            },
            "securityContext": container_security(),
            "resources": resources("20m", "64Mi", "256Mi"),
            "volumeMounts": mounts(data=DATA, accounts=ACCOUNTS),
        },
    )


def stateful(ctx: Context) -> Manifest:
    """Return the gateway's StatefulSet.

    Accounts lie on a volume of their own: what is on that of the data is served.
    """
    made = server(ctx).stateful(storage_class=ctx.facts.storage_class, storage=ctx.settings.storage)
    claims = made["spec"]["volumeClaimTemplates"]
    accounts = deepcopy(claims[0])
    accounts["metadata"]["name"] = "accounts"
    accounts["spec"]["resources"]["requests"]["storage"] = "64Mi"
    claims.append(accounts)
    return made


def workloads(ctx: Context) -> list[Manifest]:
    """Return the gateway, its address and the keys of its owner."""
    served = server(ctx)
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": served.metadata,
            "stringData": {
                "ROOT_ACCESS_KEY_ID": OWNER,
                "ROOT_SECRET_ACCESS_KEY": ctx.secret("object-store"),
            },
        },
        served.service([{"name": "s3", "port": PORT}]),
        stateful(ctx),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the gateway answers."""
    return (available("StatefulSet", NAME, NAME),)


def task(ctx: Context, name: str, program: str, *secrets: str, **env: str) -> Manifest:
    """Return a Job that works with the gateway by the keys of Secrets of its namespace."""
    return job(
        NAME,
        NAME,
        name,
        image=ctx.image("curl"),
        command=["sh", "-c", script(NAME, program)],
        user=USER,
        env=variables(env),
        env_from=[{"secretRef": {"name": secret}} for secret in secrets],
    )


def buckets(ctx: Context) -> list[Manifest]:
    """Return, for each bucket, its keys and the Job that makes it and moves an object through."""
    made: list[Manifest] = []
    for name in ctx.buckets:
        own = ctx.bucket(name)
        keys = own.secret(NAME)
        keys["metadata"]["name"] = f"bucket-{name}"
        keys["stringData"] |= {"READER": reader(name), "READER_SECRET": own.reader.secret_key}
        made += [keys, task(ctx, f"bucket-{name}", "bucket.sh", f"bucket-{name}")]
    return made


def per_team(ctx: Context, team: Team) -> Share:
    """Open the way to the S3 API; give a tenant its bucket, and the account that owns it."""
    ways = [Way(namespace=NAME, pods=selector(NAME), ports=(PORT,))]
    if not team.tenant:
        return Share(ways=ways)
    own = ctx.team_bucket(team.name)
    keys = own.secret(NAME)
    keys["metadata"]["name"] = own.name
    # What reads or takes away what the team has knows its bucket by name, and no key of the team.
    told = {"AWS_ENDPOINT_URL": ENDPOINT, "AWS_REGION": REGION, "BUCKET": own.name}
    return Share(
        workloads=[keys, own.secret(team.namespace)],
        resources=[task(ctx, own.name, "team.sh", NAME, own.name)],
        ways=ways,
        removal=[task(ctx, f"remove-{own.name}", "remove.sh", NAME, **told)],
        archive={"bucket.jsonl": task(ctx, f"archive-{own.name}", "archive.sh", NAME, **told)},
    )


ADDON = Addon(
    name=NAME,
    title="S3 API on a persistent volume, with a bucket for each addon that needs one",
    namespace=NAME,
    provides=("bucket",),
    images=("versitygw", "curl"),
    passwords=("object-store",),
    settings=ObjectStoreSettings,
    workloads=workloads,
    ready=ready,
    per_team=per_team,
    resources=buckets,
    bucket=bucket,
    team_bucket=team_bucket,
)
