"""Object store: buckets behind the S3 API, kept on a volume by Versity S3 Gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import selector
from components.pods import container_security, job, resources, versioned
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
READERS = "readers"
"""Secret with the keys of the accounts that may read one bucket each, by the bucket's name."""


class ObjectStoreSettings(AddonSettings):
    """``storage`` is the size of the volume, a Kubernetes quantity."""

    storage: str = "8Gi"


def bucket(name: str, secret: Callable[[str], Any]) -> Bucket:
    """Return the connection of the bucket that this addon makes for another."""
    return Bucket(
        name=name,
        endpoint=ENDPOINT,
        region=REGION,
        access_key="cnai",
        secret_key=secret("object-store"),
        reader_keys=(reader(name), secret(f"object-store-{reader(name)}")),
    )


def reader(name: str) -> str:
    """Return the name of the account that may read a bucket."""
    return f"{name}-reader"


def server(ctx: Context) -> Server:
    """Return the gateway; its volume is the addon's only state."""
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        annotations=versioned(script(NAME, "accounts.sh"), *ctx.buckets),
        volumes={READERS: {"secret": {"secretName": READERS}}, "accounts": {"emptyDir": {}}},
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
    """Return the gateway's StatefulSet, which writes the list of accounts before it starts."""
    made = server(ctx).stateful(storage_class=ctx.facts.storage_class, storage=ctx.settings.storage)
    made["spec"]["template"]["spec"]["initContainers"] = [
        {
            "name": "accounts",
            "image": ctx.image("curl"),
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", script(NAME, "accounts.sh")],
            "securityContext": container_security(),
            "resources": resources("10m", "16Mi"),
            "volumeMounts": mounts(readers="/readers", accounts=ACCOUNTS),
        }
    ]
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
                "ROOT_ACCESS_KEY_ID": "cnai",
                "ROOT_SECRET_ACCESS_KEY": ctx.secret("object-store"),
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {**served.metadata, "name": READERS},
            "stringData": {name: ctx.bucket(name).reader.secret_key for name in ctx.buckets},
        },
        served.service([{"name": "s3", "port": PORT}]),
        stateful(ctx),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the gateway answers."""
    return (available("StatefulSet", NAME, NAME),)


def buckets(ctx: Context) -> list[Manifest]:
    """Return, for each bucket, its keys and the Job that makes it and moves an object through."""
    made: list[Manifest] = []
    for name in ctx.buckets:
        keys = ctx.bucket(name).secret(NAME)
        keys["metadata"]["name"] = f"bucket-{name}"
        made += [
            keys,
            job(
                NAME,
                NAME,
                f"bucket-{name}",
                image=ctx.image("curl"),
                command=["sh", "-c", script(NAME, "bucket.sh")],
                user=USER,
                env=variables({"READER": reader(name)}),
                env_from=[{"secretRef": {"name": f"bucket-{name}"}}],
            ),
        ]
    return made


def per_team(_ctx: Context, _team: Team) -> Share:
    """Open the way to the S3 API."""
    return Share(ways=[Way(namespace=NAME, pods=selector(NAME), ports=(PORT,))])


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
)
