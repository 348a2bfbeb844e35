"""Prometheus: what the platform measures, the rules over it, and where alerts go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from addons import script
from components.access import account, allow, cluster_role, role
from components.addon import Addon, AddonSettings, Context, Manifest
from components.alerts import prometheus_rule
from components.budgets import watch
from components.labels import managed, selector
from components.metric_servers import alertmanager, prometheus
from components.monitors import API, addon, platform, teams
from components.pods import container_security, resources
from components.prices import units
from components.probes import Probe, answers, available, established, metric
from components.scrapes import Scrape
from components.spend import RETENTION, budget_rule, prices, spend
from components.team import WRITE, Share, Team, Way
from components.workloads import Server

NAME = "prometheus"
NAMESPACE = "monitoring"
OPERATOR = "prometheus-operator"
ALERTMANAGER = "alertmanager"
INSTANCE = "platform"
PORT = 9090
ALERTS_PORT = 9093
USER = 65534
KINDS = (
    *("alertmanagerconfigs", "alertmanagers", "podmonitors", "probes", "prometheuses"),
    *("prometheusrules", "scrapeconfigs", "servicemonitors"),
)
READ = ("get", "list", "watch")


class PrometheusSettings(AddonSettings):
    """``retention`` is a duration, ``storage`` a quantity; ``interval`` is that of all scrapes.

    What does not fit into four fifths of the storage goes before its time. ``budgets`` says, in the
    form of cron, when budgets that stop are looked at.

    ``durations`` maps an alert to how long its condition has to hold before it fires; ``webhook``
    is the URL that Alertmanager tells alerts to, of which there is none unless it is set.
    """

    retention: str = RETENTION
    storage: str = "4Gi"
    interval: str = "30s"
    budgets: str = "*/2 * * * *"
    durations: dict[str, str] = Field(default_factory=dict)
    webhook: str | None = None


def crds(ctx: Context) -> Sequence[Path]:
    """Return the operator's kinds without those of agents and Thanos."""
    folder = ctx.module(OPERATOR) / "example" / "prometheus-operator-crd"
    return [folder / f"{API}_{kind}.yaml" for kind in KINDS]


def operator(ctx: Context) -> Server:
    """Return the operator; it may touch Secrets and StatefulSets in this namespace alone.

    Beside them it reads Secrets of one name, in which teams say where their alerts go.
    """
    return Server(
        name=OPERATOR,
        addon=NAME,
        namespace=NAMESPACE,
        user=USER,
        account=OPERATOR,
        container={
            "image": ctx.image(OPERATOR),
            "args": [
                f"--prometheus-instance-namespaces={NAMESPACE}",
                f"--alertmanager-instance-namespaces={NAMESPACE}",
                f"--secret-field-selector=metadata.name={ALERTMANAGER}",
                f"--prometheus-config-reloader={ctx.image('prometheus-config-reloader')}",
                "--config-reloader-cpu-request=5m",
                "--config-reloader-cpu-limit=0",
                "--config-reloader-memory-request=24Mi",
                "--config-reloader-memory-limit=96Mi",
            ],
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
            "securityContext": container_security(),
            "resources": resources("10m", "48Mi", "256Mi"),
        },
    )


def access() -> list[Manifest]:
    """Return what the operator and what Prometheus may do."""
    kinds = [*KINDS, "prometheusagents", "thanosrulers"]
    every = [part for kind in kinds for part in (kind, f"{kind}/status", f"{kind}/finalizers")]
    return [
        account(OPERATOR, NAMESPACE),
        *cluster_role(
            OPERATOR,
            NAMESPACE,
            [
                allow(API, every, WRITE),
                allow("", ["configmaps", "namespaces", "nodes"], READ),
                # A list by this very name is all that is allowed: what else teams keep is theirs.
                {**allow("", ["secrets"], READ), "resourceNames": [ALERTMANAGER]},
                allow("events.k8s.io", ["events"], ["create", "patch"]),
                allow("storage.k8s.io", ["storageclasses"], ["get"]),
            ],
        ),
        *role(
            OPERATOR,
            NAMESPACE,
            [
                allow("apps", ["statefulsets"], WRITE),
                allow("", ["configmaps", "secrets"], WRITE),
                allow("", ["pods"], ["delete", "list"]),
                allow("", ["services", "services/finalizers"], WRITE),
            ],
        ),
        account(NAME, NAMESPACE),
        *cluster_role(
            NAME,
            NAMESPACE,
            [
                allow("", ["nodes", "pods", "services"], READ),
                allow("", ["nodes/metrics"], ["get"]),
                allow("discovery.k8s.io", ["endpointslices"], READ),
                {"nonResourceURLs": ["/metrics", "/metrics/cadvisor"], "verbs": ["get"]},
            ],
        ),
    ]


def routes(ctx: Context) -> str:
    """Return Alertmanager's configuration: grouped by alert and namespace, told to one place."""
    told: dict[str, Any] = {"name": "webhook"}
    if ctx.settings.webhook:
        told["webhook_configs"] = [{"url": ctx.settings.webhook}]
    configuration = {
        "route": {
            "receiver": "webhook",
            "group_by": ["alertname", "namespace"],
            "group_wait": "10s",
            "repeat_interval": "12h",
            "routes": [{"matchers": ["severity = none"], "receiver": "nobody"}],
        },
        "receivers": [told, {"name": "nobody"}],
    }
    return yaml.safe_dump(configuration)


def _service(ctx: Context, name: str, port: int) -> Manifest:
    exposed: dict[str, Any] = {"name": "http", "port": port}
    node_port = ctx.facts.node_ports.get(name)
    if node_port:
        exposed["nodePort"] = node_port
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": managed(NAME, name)},
        "spec": {
            "type": "NodePort" if node_port else "ClusterIP",
            "selector": selector(NAME, name),
            "ports": [exposed],
        },
    }


def workloads(ctx: Context) -> list[Manifest]:
    """Return the operator, what it is to run, and the addresses of both."""
    return [
        *access(),
        operator(ctx).deployment(),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": ALERTMANAGER, "namespace": NAMESPACE},
            "stringData": {"alertmanager.yaml": routes(ctx)},
        },
        prometheus(ctx, name=INSTANCE, namespace=NAMESPACE, user=USER),
        alertmanager(ctx, name=INSTANCE, namespace=NAMESPACE, user=USER),
        _service(ctx, NAME, PORT),
        _service(ctx, ALERTMANAGER, ALERTS_PORT),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the operator, Prometheus and Alertmanager answer."""
    return (
        *(established(f"{kind}.{API}") for kind in KINDS),
        available("Deployment", NAMESPACE, OPERATOR),
        available("StatefulSet", NAMESPACE, f"{NAME}-{INSTANCE}"),
        available("StatefulSet", NAMESPACE, f"{ALERTMANAGER}-{INSTANCE}"),
        answers(NAMESPACE, NAME, PORT, "/-/ready", contains="Ready"),
        answers(NAMESPACE, ALERTMANAGER, ALERTS_PORT, "/-/ready", contains="OK"),
    )


def monitors(ctx: Context) -> list[Manifest]:
    """Return what is collected, and the rules over it."""
    return [
        *platform(NAMESPACE),
        *[addon(NAMESPACE, scrape) for scrape in ctx.scrapes],
        teams(NAMESPACE),
        prometheus_rule(
            NAMESPACE,
            yaml.safe_load(script(NAME, "rules.yaml"))["groups"],
            pools=ctx.facts.pools,
            first=counted(ctx),
            durations=ctx.settings.durations,
        ),
    ]


def counted(ctx: Context) -> list[Manifest]:
    """Return the groups that tell prices and spend, where there are queues."""
    queues = [scrape.namespace for scrape in ctx.scrapes if scrape.name == "kueue"]
    known = prices(ctx.facts.pools, units(ctx.facts.pools, ctx.devices, ctx.prices))
    return [spend(known, ctx.settings.interval, queues[0])] if queues else []


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that every part was collected, and that an alert came to Alertmanager."""
    return (
        metric("kubelets are collected", 'up{job="kubelet"} == 1'),
        metric("the API server is collected", 'up{job="apiserver"} == 1'),
        metric("Prometheus collects itself", f'up{{job="{NAME}"}} == 1'),
        answers(
            NAMESPACE,
            ALERTMANAGER,
            ALERTS_PORT,
            "/api/v2/alerts?filter=alertname%3D%22Watchdog%22",
            contains='"alertname":"Watchdog"',
        ),
    )


def _own(name: str, port: int, *, pod: str | None = None) -> Scrape:
    labels = selector(NAME, pod or name)
    return Scrape(name=name, namespace=NAMESPACE, labels=labels, port=port)


def per_team(ctx: Context, team: Team) -> Share:
    """Let the collector in, to whatever port a pod's metrics are at; count against the budget.

    Members write rules over what their namespace tells, and say where alerts of it go.
    """
    made: list[Manifest] = []
    if team.budget:
        made.append(budget_rule(team, NAMESPACE, ctx.settings.interval))
        if team.budget.stops:
            made += watch(
                team,
                NAMESPACE,
                image=ctx.image("curl"),
                script=script(NAME, "budget.sh"),
                prometheus=f"http://{NAME}.{NAMESPACE}.svc:{PORT}",
                schedule=ctx.settings.budgets,
            )
    return Share(
        workloads=made,
        rules=[allow(API, ["prometheusrules", "alertmanagerconfigs"], WRITE)],
        ways=[Way(namespace=NAMESPACE, pods={"prometheus": INSTANCE}, inwards=True)],
    )


ADDON = Addon(
    name=NAME,
    title="Metrics of the platform and of teams, rules over them, and alerts",
    namespace=NAMESPACE,
    images=(OPERATOR, "prometheus-config-reloader", NAME, ALERTMANAGER, "curl"),
    settings=PrometheusSettings,
    crds=crds,
    workloads=workloads,
    ready=ready,
    per_team=per_team,
    resources=monitors,
    proof=proof,
    endpoints={NAME: "http", ALERTMANAGER: "http"},
    addresses={
        NAME: f"http://{NAME}.{NAMESPACE}.svc:{PORT}",
        ALERTMANAGER: f"http://{ALERTMANAGER}.{NAMESPACE}.svc:{ALERTS_PORT}",
    },
    scrapes=(
        _own(NAME, PORT),
        _own(ALERTMANAGER, ALERTS_PORT),
        _own(OPERATOR, 8080, pod=OPERATOR),
    ),
)
