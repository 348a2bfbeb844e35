"""Every question that dashboards and rules ask has an answer on a platform that runs."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
import yaml

from addons import FILES, script
from tests.live.conftest import Kubectl
from tests.live.metrics import query, rules
from tests.waiting import wait_for

pytestmark = pytest.mark.live

# Grafana fills these in; a variable of a dashboard stands for all of its values.
FILLED = {"$__rate_interval": "2m", "$__range_s": "3600", "$__range": "1h"}
DASHBOARDS = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted((FILES / "grafana").glob("*"))
    if path.suffix == ".yaml"
}
PANELS = {f"{name}: {p['title']}": p for name, d in DASHBOARDS.items() for p in d["panels"]}
RULES = [
    rule
    for group in yaml.safe_load(script("prometheus", "rules.yaml"))["groups"]
    for rule in group["rules"]
]
# Metrics that only come with an event, or with an addon that a stack may not have.
ABSENT = {
    "certmanager_": "cert-manager, which is not in every stack",
    "cnai_inferenceservice_": "an InferenceService",
    "cnai_trainjob_": "a TrainJob",
    "cnai:model_": "a model that is asked",
    "cnai:team_budget": "a team with a budget",
    "cnai:team_requested": "a running pod of a team",
    "cnai:pool_accelerators": "a pool with accelerators",
    "kube_pod_container_status_waiting_reason": "a container that waits",
    "kubelet_volume_stats_": "a volume whose driver counts",
    "kubelet_certificate_manager_": "a kubelet that renews its certificate",
    "kueue_local_queue_admitted_workloads_total": "a job that was admitted",
    "kube_statefulset_": "a StatefulSet",
}


def filled(expression: str) -> str:
    for word, value in FILLED.items():
        expression = expression.replace(word, value)
    return re.sub(r"\$\w+", ".*", expression)


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
def test_a_panel_has_data(panel: dict[str, Any], kubectl: Kubectl) -> None:
    for asked in panel["queries"]:
        expression = filled(asked["expr"])
        ask = partial(query, kubectl, expression)
        found = ask() if "waits_for" in panel else wait_for(expression, ask, seconds=120)
        assert found or "waits_for" in panel


def test_what_is_told_of_the_cluster_outlives_the_pod_that_tells_it(kubectl: Kubectl) -> None:
    told_by = "app.kubernetes.io/name=kube-state-metrics"
    kubectl("delete", "pod", "--namespace=cluster-metrics", f"--selector={told_by}")
    killed = query(kubectl, "time()")
    fresh = f"timestamp(kube_namespace_created) > {killed[1]}"
    wait_for("the next pod is collected", partial(query, kubectl, fresh))
    ever = "count by (namespace) (last_over_time(kube_namespace_created[1h])) > 1"
    assert not query(kubectl, ever)


def test_a_pod_that_is_made_anew_goes_on_under_its_name(kubectl: Kubectl) -> None:
    its = '{namespace="monitoring", pod="alertmanager-platform-0"}'
    (before,) = wait_for("it is collected", partial(query, kubectl, f"kube_pod_created{its}"))
    kubectl("delete", "pod", "--namespace=monitoring", "alertmanager-platform-0")
    fresh = f"kube_pod_created{its} > {before['value'][1]}"
    wait_for("the next pod is collected", partial(query, kubectl, fresh), seconds=180)
    running = 'kube_pod_status_phase{phase="Running", ' + its[1:]
    assert len(query(kubectl, f"last_over_time({running}[1h])")) == 1


def test_prometheus_evaluates_every_rule(kubectl: Kubectl) -> None:
    names = {rule.get("alert") or rule["record"] for rule in RULES}
    seen = wait_for(
        "all rules were evaluated",
        lambda: (
            found
            if (found := {r["name"]: r for r in rules(kubectl) if r["health"] != "unknown"}).keys()
            >= names
            else None
        ),
    )
    assert not {n: r["lastError"] for n, r in seen.items() if r["health"] != "ok"}


@pytest.mark.parametrize("rule", RULES, ids=[r.get("alert") or r["record"] for r in RULES])
def test_what_a_rule_looks_at_is_there(rule: dict[str, Any], kubectl: Kubectl) -> None:
    looked = set(
        re.findall(
            r"\b((?:kube|kueue|node|kubelet|cnai|certmanager|container)[_:]\w[\w:]*)",
            re.sub(r"\b(?:by|on|group_left|without) ?\([^)]*\)", "", rule["expr"]),
        )
    )
    for name in looked:
        if not name.startswith(tuple(ABSENT)):
            assert query(kubectl, f"count({name})"), f"there is no {name}"
