from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from addons.keda import ADAPTER, ADDON, OPERATOR, KedaSettings, access, scaled, trigger, workloads
from components.addon import Addon, Context

Make = Callable[[Addon], Context]


def rules(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for m in manifests if m["kind"] == "ClusterRole" for r in m["rules"]]


def reads_secrets(ctx: Context) -> bool:
    return any("secrets" in rule["resources"] for rule in rules(access(ctx)))


def test_secrets_of_teams_are_read_only_where_the_settings_say_so(context: Make) -> None:
    ctx = context(ADDON)
    asked = replace(ctx, settings=KedaSettings(secrets=True))
    assert not reads_secrets(ctx)
    assert reads_secrets(asked)
    (told,) = (
        m
        for m in workloads(asked)
        if m["kind"] == "Deployment" and m["metadata"]["name"] == OPERATOR
    )
    (container,) = told["spec"]["template"]["spec"]["containers"]
    assert {"name": "KEDA_RESTRICT_SECRET_ACCESS", "value": "false"} in container["env"]


def test_nothing_may_be_done_with_everything(context: Make) -> None:
    for rule in rules(access(context(ADDON))):
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])


def test_both_are_called_by_names_in_their_certificate(context: Make) -> None:
    (made,) = (m for m in workloads(context(ADDON)) if m["kind"] == "Certificate")
    names = made["spec"]["dnsNames"]
    assert f"{OPERATOR}.keda.svc.cluster.local" in names
    assert f"{ADAPTER}.keda.svc" in names


def test_prometheus_is_asked_where_it_is_and_else_pods_are_counted(context: Make) -> None:
    ctx = context(ADDON)
    with_it = replace(ctx, addresses={"prometheus": "http://prometheus.monitoring:9090"})
    assert trigger(with_it)["metadata"]["serverAddress"] == "http://prometheus.monitoring:9090"
    assert trigger(replace(ctx, addresses={}))["type"] == "kubernetes-workload"


def test_replicas_are_left_to_what_scales_them(context: Make) -> None:
    workload, order = scaled(context(ADDON))
    assert "replicas" not in workload["spec"]
    assert order["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]
