"""Rules and monitors: what holds of all of them, and who may read what."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from addons import catalogue, script
from addons.prometheus import access, monitors
from components.addon import Addon, Context
from components.alerts import PAGE, lasting, prometheus_rule, wanted
from components.clusters.local import simulated_pool
from components.facts import Pool, Quota
from components.metric_servers import prometheus
from components.monitors import ACCOUNT, addon, teams
from components.scrapes import Scrape
from tools.paths import REPO

GROUPS = yaml.safe_load(script("prometheus", "rules.yaml"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


@pytest.fixture
def ctx(context: Callable[[Addon], Context]) -> Context:
    return context(catalogue()["prometheus"])


def test_names_are_used_once() -> None:
    names = [rule.get("alert") or rule["record"] for rule in RULES]
    assert len(names) == len(set(names))
    assert len({group["name"] for group in GROUPS}) == len(GROUPS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_means_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning", "none"}
    assert set(alert["annotations"]) == {"summary", "description"}
    assert "for" in alert or name == "Watchdog"
    assert f"\n## {name}\n" in (REPO / PAGE).read_text()


def test_the_page_knows_no_alert_that_is_not_there() -> None:
    told = re.findall(r"^## (.+)$", (REPO / PAGE).read_text(), re.MULTILINE)
    assert sorted(told) == sorted(ALERTS)


def test_no_rule_names_a_namespace_of_its_own() -> None:
    assert not [rule for rule in RULES if re.search(r"\bnamespace=~?\"[^\"]", rule["expr"])]


def test_accelerators_that_are_wanted_are_those_of_the_pools() -> None:
    workers = Pool(name="workers", count=2, quota=Quota(cpu="2", memory="4Gi"))
    (rule,) = wanted((workers, simulated_pool("h100", "p5.48xlarge", 2)))["rules"]
    assert rule["expr"] == "vector(16)"
    assert rule["labels"] == {
        "pool": "h100",
        "resource": "nvidia_com_gpu",
        "device": "simulated",
    }
    assert not wanted((workers,))["rules"]


def test_how_long_an_alert_has_to_hold_is_a_setting() -> None:
    groups = lasting(GROUPS, {"QueueStarved": "1m"})
    held = {
        rule["alert"]: rule.get("for") for g in groups for rule in g["rules"] if "alert" in rule
    }
    assert held == {name: alert.get("for") for name, alert in ALERTS.items()} | {
        "QueueStarved": "1m"
    }
    with pytest.raises(ValueError, match="no alert is called QueueHungry"):
        lasting(GROUPS, {"QueueHungry": "1m"})


def test_every_alert_of_the_object_leads_to_the_page() -> None:
    groups = prometheus_rule("monitoring", GROUPS)["spec"]["groups"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        assert rule["annotations"]["runbook"] == f"{PAGE}#{rule['alert'].lower()}"


def test_every_addon_that_declares_metrics_is_collected(ctx: Context) -> None:
    made = [m for m in monitors(ctx) if m["kind"] == "PodMonitor"]
    assert len(made) == len(ctx.scrapes) + 1
    assert {"kueue", "jobset", "trainer", "kwok"} <= {m["metadata"]["name"] for m in made}


def test_the_token_is_shown_to_controllers_only() -> None:
    scrape: dict[str, Any] = {"name": "a", "namespace": "a", "labels": {"b": "c"}, "port": 8443}
    open_, closed = (addon("m", Scrape(**scrape, secure=secure)) for secure in (False, True))
    assert closed["spec"]["scrapeClass"] == ACCOUNT
    assert closed["spec"]["podMetricsEndpoints"][0]["scheme"] == "https"
    assert "scrapeClass" not in open_["spec"]
    assert "scrapeClass" not in teams("m")["spec"]
    with pytest.raises(ValueError, match="not shown to pods of teams"):
        addon("m", Scrape(**{**scrape, "namespace": "*"}, secure=True))


def test_what_tells_of_the_cluster_is_not_named_after_its_pod() -> None:
    scrape: dict[str, Any] = {"name": "a", "namespace": "a", "labels": {"b": "c"}, "port": 80}
    for wide in (True, False):
        endpoint = addon("m", Scrape(**scrape, cluster_wide=wide))["spec"]["podMetricsEndpoints"][0]
        steps = endpoint["relabelings"]
        named = [s["replacement"] for s in steps if s.get("targetLabel") == "instance"]
        dropped = next(s["regex"] for s in steps if s["action"] == "labeldrop").split("|")
        assert (named == ["a"], "pod" in dropped) == (wide, wide)


def test_of_what_a_team_writes_rules_alone_are_read_and_held_to_its_namespace(ctx: Context) -> None:
    spec = prometheus(ctx, name="a", namespace="m", user=1)["spec"]
    read = {key: value for key, value in spec.items() if key.endswith("NamespaceSelector")}
    assert len(read) == 5
    assert read.pop("ruleNamespaceSelector") == {}
    for selector in read.values():
        assert selector == {
            "matchExpressions": [{"key": "cnai.dev/tenant", "operator": "DoesNotExist"}]
        }
    assert spec["enforcedNamespaceLabel"] == "namespace"
    excluded = spec["excludedFromEnforcement"]
    assert {one["namespace"] for one in excluded} == {"m"}
    assert {one["resource"] for one in excluded} >= {"prometheusrules", "podmonitors"}


def test_the_operator_reads_secrets_of_one_name_outside_of_its_namespace() -> None:
    (rules,) = (
        m["rules"]
        for m in access()
        if m["metadata"]["name"] == "cnai-prometheus-operator" and "rules" in m
    )
    secrets = [rule for rule in rules if "secrets" in rule["resources"]]
    assert [rule["resourceNames"] for rule in secrets] == [["alertmanager"]]
    assert not {"*", "create", "update", "patch", "delete"} & set(secrets[0]["verbs"])


def test_labels_of_the_platform_win_and_those_of_teams_do_not() -> None:
    own = addon("m", Scrape(name="a", namespace="a", port=1))["spec"]["podMetricsEndpoints"][0]
    assert own["honorLabels"] is True
    everywhere = addon("m", Scrape(name="a", namespace="*", port=1))["spec"]
    for spec in (everywhere, teams("m")["spec"]):
        assert not spec["podMetricsEndpoints"][0].get("honorLabels")
        assert spec["namespaceSelector"] == {"any": True}
        assert spec["sampleLimit"]
