"""Grafana: dashboards over Prometheus, made from descriptions that lie beside the code."""

from __future__ import annotations

import json
from typing import Any

import yaml

from addons import FILES, script
from components.access import account, allow, cluster_role
from components.addon import Addon, Context, Manifest
from components.dashboards import dashboard
from components.labels import managed
from components.pods import container_security, job, resources, versioned
from components.probes import Probe, answers, available, completes
from components.team import Share, Team
from components.workloads import Server, mounts, variables

NAME = "grafana"
PORT = 3000
USER = 472
DASHBOARDS = "dashboards"
TEAMS = "teams"
LABEL = "grafana_dashboard"
"""On a ConfigMap: its files are dashboards."""
FOLDER = "grafana_folder"
"""Annotation of such a ConfigMap: the folder that they are shown in."""
LONGEST = 40
"""Characters of the identifier of a dashboard."""
PROVISIONING = "/etc/grafana/provisioning"


def dashboards() -> dict[str, Manifest]:
    """Return the model of every dashboard by the name of its file."""
    described = sorted((FILES / NAME).glob("*.yaml"))
    return {path.stem: dashboard(yaml.safe_load(script(NAME, path.name))) for path in described}


def provisioning(ctx: Context) -> dict[str, str]:
    """Return where metrics and dashboards come from, as Grafana's own files."""
    prometheus: dict[str, Any] = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": ctx.addresses.get("prometheus", ""),
        "isDefault": True,
        "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "30s"},
    }
    files: Manifest = {"type": "file", "allowUiUpdates": False}
    platform = {
        **files,
        "name": "cnai",
        "folder": "Platform",
        "options": {"path": f"/var/{DASHBOARDS}"},
    }
    own = {
        **files,
        "name": "teams",
        "options": {"path": f"/var/{TEAMS}", "foldersFromFilesStructure": True},
    }
    return {
        "datasources.yaml": yaml.safe_dump({"apiVersion": 1, "datasources": [prometheus]}),
        "dashboards.yaml": yaml.safe_dump({"apiVersion": 1, "providers": [platform, own]}),
    }


def server(ctx: Context, models: dict[str, str]) -> Server:
    """Return Grafana; it keeps nothing that is not made again from here."""
    check = {"httpGet": {"path": "/api/health", "port": "http"}}
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        account=NAME,
        annotations=versioned(*provisioning(ctx).values(), *models.values()),
        volumes={
            "datasources": {
                "configMap": {"name": NAME, "items": [_item("datasources.yaml")]},
            },
            "providers": {"configMap": {"name": NAME, "items": [_item("dashboards.yaml")]}},
            DASHBOARDS: {"configMap": {"name": DASHBOARDS}},
            TEAMS: {"emptyDir": {"sizeLimit": "64Mi"}},
            "data": {"emptyDir": {}},
        },
        container={
            "image": ctx.image(NAME),
            "env": [
                *variables(
                    {
                        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
                        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
                        "GF_ANALYTICS_REPORTING_ENABLED": "false",
                        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": (
                            f"/var/{DASHBOARDS}/cluster.json"
                        ),
                        "GF_LOG_MODE": "console",
                        # No plugin is fetched when it starts: a cluster may reach no internet.
                        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
                        "GF_SECURITY_ADMIN_USER": "admin",
                        "GF_USERS_ALLOW_SIGN_UP": "false",
                    }
                ),
                {
                    "name": "GF_SECURITY_ADMIN_PASSWORD",
                    "valueFrom": {"secretKeyRef": {"name": NAME, "key": "password"}},
                },
            ],
            "ports": [{"name": "http", "containerPort": PORT}],
            "startupProbe": {**check, "periodSeconds": 3, "failureThreshold": 60},
            "readinessProbe": {**check, "periodSeconds": 10},
            "securityContext": container_security(),
            "resources": resources("20m", "128Mi", "512Mi"),
            "volumeMounts": mounts(
                datasources=f"{PROVISIONING}/datasources",
                providers=f"{PROVISIONING}/dashboards",
                dashboards=f"/var/{DASHBOARDS}",
                teams=f"/var/{TEAMS}",
                data="/var/lib/grafana",
            ),
        },
    )


def collector(ctx: Context) -> Manifest:
    """Return the container that brings dashboards from the namespaces of teams, a folder each.

    The folder is what an annotation says: order, and no wall between teams.
    """
    return {
        "name": "collector",
        "image": ctx.image("k8s-sidecar"),
        "imagePullPolicy": "IfNotPresent",
        "env": variables(
            {
                "FOLDER": f"/var/{TEAMS}",
                "FOLDER_ANNOTATION": FOLDER,
                "LABEL": LABEL,
                "LABEL_VALUE": "1",
                "NAMESPACE": "ALL",
                "RESOURCE": "configmap",
                # Two teams may call a file the same.
                "UNIQUE_FILENAMES": "true",
            }
        ),
        "securityContext": container_security(),
        "resources": resources("10m", "96Mi", "192Mi"),
        "volumeMounts": mounts(teams=f"/var/{TEAMS}", tmp="/tmp"),
    }


def deployment(ctx: Context, served: Server) -> Manifest:
    """Return Grafana with what collects dashboards for it."""
    made = served.deployment()
    made["spec"]["template"]["spec"]["containers"].append(collector(ctx))
    return made


def own_dashboard(team: str) -> Manifest:
    """Return the model of the dashboard that a team has of itself."""
    described = yaml.safe_load(script(NAME, "team/dashboard.yaml").replace("TEAM", team))
    return dashboard({**described, "uid": f"team-{team}"[:LONGEST]})


def per_team(_: Context, team: Team) -> Share:
    """Give a team a folder, with a dashboard of its own; members add others beside it."""
    if not team.tenant:
        return Share()
    metadata = {
        "name": "dashboard",
        "namespace": team.namespace,
        "labels": {**managed(NAME), LABEL: "1"},
        "annotations": {FOLDER: team.name},
    }
    data = {f"{team.name}.json": json.dumps(own_dashboard(team.name))}
    return Share(
        workloads=[
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data},
        ]
    )


def _item(name: str) -> dict[str, str]:
    return {"key": name, "path": name}


def workloads(ctx: Context) -> list[Manifest]:
    """Return Grafana, its address, its password, what it shows and where from."""
    models = {f"{name}.json": json.dumps(model) for name, model in dashboards().items()}
    served = server(ctx, models)
    port: dict[str, Any] = {"name": "http", "port": PORT}
    if node_port := ctx.facts.node_ports.get(NAME):
        port["nodePort"] = node_port
    shown = served.config(models)
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": served.metadata,
            "stringData": {"password": ctx.secret(NAME)},
        },
        served.config(provisioning(ctx)),
        {**shown, "metadata": {**shown["metadata"], "name": DASHBOARDS}},
        served.service([port], type_="NodePort" if node_port else "ClusterIP"),
        account(NAME, NAME),
        *cluster_role(NAME, NAME, [allow("", ["configmaps"], ["get", "list", "watch"])]),
        deployment(ctx, served),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that Grafana and its own database answer."""
    return (
        available("Deployment", NAME, NAME),
        answers(NAME, NAME, PORT, "/api/health", contains='"database": "ok"'),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that every dashboard is there and that a query through Grafana brings data."""
    return (
        completes(
            "Grafana has every dashboard and asks Prometheus",
            job(
                *(NAME, NAME, "grafana-proof"),
                image=ctx.image("curl"),
                command=["sh", "-c", script(NAME, "proof.sh")],
                user=65532,
                env=[
                    *variables(
                        {
                            "URL": f"http://{NAME}.{NAME}.svc:{PORT}",
                            "UIDS": " ".join(model["uid"] for model in dashboards().values()),
                        }
                    ),
                    {
                        "name": "PASSWORD",
                        "valueFrom": {"secretKeyRef": {"name": NAME, "key": "password"}},
                    },
                ],
            ),
        ),
    )


ADDON = Addon(
    name=NAME,
    title="Dashboards over the platform's metrics",
    namespace=NAME,
    requires=("prometheus", "cluster-metrics"),
    images=(NAME, "k8s-sidecar", "curl"),
    passwords=(NAME,),
    workloads=workloads,
    ready=ready,
    proof=proof,
    per_team=per_team,
    endpoints={NAME: "http"},
    addresses={NAME: f"http://{NAME}.{NAME}.svc:{PORT}"},
)
