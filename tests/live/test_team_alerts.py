"""Rules and routes of a team, as the operator makes them up: held to its namespace."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from addons import catalogue
from addons.prometheus import ALERTMANAGER, KINDS, NAMESPACE, OPERATOR, operator, workloads
from components import kind_applier
from components.addon import Context
from components.alerts import prometheus_rule
from components.api_server import RefusedError
from components.labels import TENANT
from components.monitors import API, platform, teams
from components.steps import namespace
from stacks.compose import contexts, facts_of
from stacks.settings import load
from tests.live.control_plane import ControlPlane, control_plane, free_port, running
from tests.waiting import wait_for
from tools import supply

pytestmark = pytest.mark.live
PLATFORM = [{"name": "a", "rules": [{"record": "cnai:all:up", "expr": "sum(up)"}]}]


@pytest.fixture(scope="module")
def ctx() -> Context:
    settings = load({})
    seen = contexts(facts_of("kind", settings), settings, [*catalogue().values()], str)
    return seen["prometheus"]


def rule(space: str, name: str, expr: str, **labels: str) -> dict[str, Any]:
    said = {"record": "cnai:team_spend:month", "expr": expr, "labels": labels}
    return {
        "apiVersion": f"{API}/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "namespace": space},
        "spec": {"groups": [{"name": name, "rules": [said]}]},
    }


def route(space: str, secret: str) -> list[dict[str, Any]]:
    """Where a team's alerts go, by an address that it keeps in a Secret of its own."""
    url = {"name": secret, "key": "url"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret, "namespace": space},
            "stringData": {"url": f"http://{secret}.{space}.example"},
        },
        {
            "apiVersion": f"{API}/v1alpha1",
            "kind": "AlertmanagerConfig",
            "metadata": {"name": secret, "namespace": space},
            "spec": {
                "route": {"receiver": "own"},
                "receivers": [{"name": "own", "webhookConfigs": [{"urlSecret": url}]}],
            },
        },
    ]


@pytest.fixture(scope="module")
def cluster(ctx: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The operator at work, by its own account and with the arguments of its Deployment."""
    folder = tmp_path_factory.mktemp("operator")
    with control_plane(folder) as made:
        server = made.server
        for file in catalogue()["prometheus"].crds(ctx):
            for kind in kind_applier.definitions(Path(file).read_text()):
                server.create(kind)
        server.create(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": ctx.facts.storage_class},
                "provisioner": "none",
            }
        )
        spaces = {NAMESPACE: {}, "red": {TENANT: "red"}, "blue": {TENANT: "blue"}, "other": {}}
        for name, labels in spaces.items():
            server.create(namespace(name, labels=labels))

        def served() -> bool:
            fresh = made.server
            return len([k for k in KINDS if f'"{k}"' in fresh.text(f"/apis/{API}/v1")]) > 4

        wait_for("the kinds are served", served)
        own = made.server
        for manifest in workloads(ctx):
            if manifest["kind"] not in {"Deployment", "Service"}:
                own.create(manifest)
        (container,) = operator(ctx).deployment()["spec"]["template"]["spec"]["containers"]
        kubeconfig = folder / "operator.kubeconfig"
        kubeconfig.write_text(made.as_account(NAMESPACE, OPERATOR))
        with running(
            *(folder / "operator.log", supply.program("prometheus-operator")),
            *container["args"],
            f"--web.listen-address=127.0.0.1:{free_port()}",
            KUBECONFIG=str(kubeconfig),
        ):
            for manifest in (
                prometheus_rule(NAMESPACE, PLATFORM),
                *platform(NAMESPACE),
                teams(NAMESPACE),
                teams("other"),
                rule(
                    "red", "forged", 'sum(up{namespace="blue"})', namespace="", cluster_queue="blue"
                ),
                rule("other", "elsewhere", "sum(up)"),
                *route("red", ALERTMANAGER),
                *route("blue", "another"),
            ):
                own.create(manifest)
            yield made


def recorded(cluster: ControlPlane) -> dict[str, dict[str, Any]]:
    """The rules that Prometheus is given, by the namespace of the object that they are from."""
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    maps = cluster.server.get(path)["items"]
    files = {
        name: yaml.safe_load(text)
        for one in maps
        if one["metadata"]["name"].startswith("prometheus-platform-rulefiles")
        for name, text in (one.get("data") or {}).items()
    }
    return {name.split("-")[0]: file["groups"][0]["rules"][0] for name, file in files.items()}


def collected(cluster: ControlPlane) -> dict[str, list[dict[str, Any]]]:
    """How Prometheus names what it collects, by job."""
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/prometheus-platform"
    try:
        data = cluster.server.get(path)["data"]
    except RefusedError:
        return {}
    text = gzip.decompress(base64.b64decode(data["prometheus.yaml.gz"])).decode()
    jobs = yaml.safe_load(text).get("scrape_configs") or []
    return {one["job_name"]: one["relabel_configs"] for one in jobs}


def routes(cluster: ControlPlane) -> dict[str, Any]:
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/alertmanager-platform-generated"
    try:
        data = cluster.server.get(path)["data"]
    except RefusedError:
        return {}
    text = gzip.decompress(base64.b64decode(data["alertmanager.yaml.gz"])).decode()
    return dict(yaml.safe_load(text))


def test_a_rule_of_a_team_sees_and_tells_its_own_namespace_alone(cluster: ControlPlane) -> None:
    made = wait_for(
        "all rules are taken", lambda: (r := recorded(cluster)) and len(r) == 3 and r, 60
    )
    assert made[NAMESPACE]["expr"] == "sum(up)"
    assert "labels" not in made[NAMESPACE]
    assert made["red"]["expr"].count('namespace="red"') == 1
    # What cannot be true of both namespaces finds nothing.
    assert 'namespace="red"' in made["red"]["expr"]
    assert made["red"]["labels"] == {"namespace": "red", "cluster_queue": "blue"}
    assert made["other"]["expr"] == 'sum(up{namespace="other"})'


def test_a_team_gets_the_alerts_of_its_namespace_and_no_others(cluster: ControlPlane) -> None:
    def told() -> list[dict[str, Any]]:
        own = routes(cluster).get("route", {}).get("routes", [])
        return [one for one in own if one["receiver"].startswith("red/")]

    (one,) = wait_for("the route of the team is taken", told, 60)
    assert one["matchers"] == ['namespace="red"']
    assert one["continue"] is True
    everything = routes(cluster)
    # The platform's own route holds beside it.
    assert everything["route"]["receiver"] == "webhook"
    assert "http://alertmanager.red.example" in json.dumps(everything)


def test_a_secret_of_another_name_is_not_read(cluster: ControlPlane) -> None:
    wait_for("the route of the team is taken", lambda: "red/" in json.dumps(routes(cluster)), 60)
    assert "blue/" not in json.dumps(routes(cluster))


def test_what_the_platform_collects_keeps_its_own_namespace(cluster: ControlPlane) -> None:
    wait_for("all monitors are taken", lambda: len(collected(cluster)) >= 5, 60)
    for name, steps in collected(cluster).items():
        forced = [s for s in steps if s.get("target_label") == "namespace" and "replacement" in s]
        assert [s["replacement"] for s in forced] == (["other"] if "/other/" in name else [])
