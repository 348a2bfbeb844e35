"""Feast: a team's features, as Parquet files to train on and as rows in PostgreSQL to serve."""

from __future__ import annotations

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import managed, selector
from components.pods import container_security, job, pod_security, resources, versioned
from components.probes import Probe, available, completes
from components.scrapes import Scrape
from components.workloads import Server, mounts, variables

NAME = "feast"
ONLINE, OFFLINE, REGISTRY, METRICS = 6566, 8815, 6570, 8000
"""The ports that Feast's own commands listen on."""
USER = 65532
PROGRAM = ("feature_store.yaml", "platform_provider.py", "serve.py")
STORES = [{"secretRef": {"name": "database"}}, {"secretRef": {"name": "bucket"}}]


class FeastSettings(AddonSettings):
    """``schedule`` says when new rows become servable, in the form of cron (UTC)."""

    schedule: str = "0 * * * *"


def project(team: str) -> str:
    """Return the Feast project of a team: letters, digits and underscores."""
    return team.replace("-", "_")


def client(team: str) -> str:
    """Return the ``feature_store.yaml`` with which a team's pods speak to its servers."""
    return script(NAME, "client.yaml").format(
        project=project(team),
        host=f"{team}.{NAME}.svc",
        online=ONLINE,
        offline=OFFLINE,
        registry=REGISTRY,
    )


def environment(team: str) -> list[dict[str, str]]:
    """Return what the programs of a team's project read from their environment."""
    return variables(
        {
            "HOME": "/tmp",
            "PROJECT": project(team),
            "PYTHONPATH": "/etc/cnai",
            "FEAST_USAGE": "False",
            # Else Arrow looks for the address of the machine's role, which only clouds have.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )


def server(ctx: Context, team: str) -> Server:
    """Return the servers of a team's project: features, training rows and registry."""
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
            "envFrom": STORES,
            "ports": [{"name": n, "containerPort": port} for n, port in ports.items()],
            # One probe for each server; imports take a minute on two busy cores.
            "startupProbe": {
                "grpc": {"port": REGISTRY},
                "periodSeconds": 3,
                "failureThreshold": 100,
            },
            "readinessProbe": {
                "httpGet": {"path": "/health", "port": "online"},
                "periodSeconds": 10,
                "timeoutSeconds": 5,
            },
            "livenessProbe": {
                "tcpSocket": {"port": "offline"},
                "periodSeconds": 30,
                "timeoutSeconds": 10,
                "failureThreshold": 5,
            },
            "securityContext": container_security(),
            "resources": resources("50m", "384Mi", "1536Mi"),
            "volumeMounts": mounts(program="/etc/cnai"),
        },
    )
