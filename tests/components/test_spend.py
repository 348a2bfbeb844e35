from __future__ import annotations

import pytest

from components.clusters.local import simulated_pool
from components.metric_servers import retention_size
from components.prices import units
from components.spend import budget_rule, prices, seconds, spend
from components.team import Budget, Team

POOLS = (simulated_pool("h100", "p5.48xlarge", 2),)


def test_a_price_is_recorded_for_each_resource_of_a_pool_with_what_it_is() -> None:
    found = {rule["labels"]["resource"]: rule for rule in prices(POOLS, units(POOLS, (), {}))}
    assert set(found) == {"cpu", "memory", "nvidia.com/gpu"}
    gpu = found["nvidia.com/gpu"]
    assert gpu["expr"] == "vector(6.88)"
    assert gpu["labels"] == {
        "flavor": "h100",
        "resource": "nvidia.com/gpu",
        "shape": "p5.48xlarge",
        "device": "simulated",
        "currency": "USD",
    }


@pytest.mark.parametrize(
    ("said", "meant"), [("30s", 30), ("1m", 60), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600)]
)
def test_a_duration_is_read(said: str, meant: float) -> None:
    assert seconds(said) == meant


@pytest.mark.parametrize("said", ["", "30", "s", "1d", "30 s", "-1s"])
def test_what_is_no_duration_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(said)


def test_each_rule_sees_what_those_before_it_recorded() -> None:
    group = spend(prices(POOLS, units(POOLS, (), {})), "30s", "kueue-system")
    assert group["interval"] == "30s"
    seen: set[str] = set()
    for rule in group["rules"]:
        assert {n for n in ("cnai:month", "cnai:price_per_hour", "cnai:team_cost:per_hour") if
                n in rule["expr"]} <= seen  # fmt: skip
        seen.add(rule["record"])


def test_only_what_kueue_and_the_platform_say_is_counted() -> None:
    for rule in spend([], "30s", "kueue-system")["rules"]:
        for name in ("kueue_cluster_queue_resource_usage", "cnai:team_cost", "cnai:price_per_hour"):
            for part in rule["expr"].split(name)[1:]:
                assert "namespace=" in part.split("}")[0]


def test_a_budget_is_told_beside_prometheus_with_whose_it_is() -> None:
    team = Team(name="red", tenant=True, budget=Budget(amount=500.0, stops=True))
    made = budget_rule(team, "monitoring", "30s")
    assert made["metadata"]["namespace"] == "monitoring"
    ((rule,),) = [group["rules"] for group in made["spec"]["groups"]]
    assert rule["expr"] == "vector(500.0)"
    assert rule["labels"] == {
        "team": "red",
        "cluster_queue": "red",
        "currency": "USD",
        "stops": "true",
    }


def test_series_leave_a_fifth_of_the_volume() -> None:
    assert retention_size("4Gi") == "3276MB"
    assert retention_size("50Gi") == "40960MB"
