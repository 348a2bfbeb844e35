"""What teams spend, as rules of Prometheus over what Kueue admitted. Pure.

Every evaluation records what the interval since the one before cost, with the calendar month (UTC)
as a label; the sum over a month is what was spent in it. What Prometheus did not see is not in it.

Series that count are those of the platform: rules of teams carry the ``namespace`` of the team,
which the operator enforces, and are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from components.facts import Pool
from components.labels import managed
from components.monitors import API
from components.prices import CURRENCY
from components.team import Team

Manifest = dict[str, Any]
OURS = 'namespace=""'
"""Matches the series that rules of the platform record."""
RANGE = "31d"
"""The longest month."""
RETENTION = "32d"
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
MONTH = f"(cnai:month{{{OURS}}} > bool 0)"
CALENDAR = """
sum by (month) (
  label_join(
    label_replace(
      count_values("month", month()) * on () group_left (year) count_values("year", year()),
      "month", "0$1", "month", "([0-9])"
    ),
    "month", "-", "year", "month"
  )
) * time()
"""


def seconds(duration: str) -> float:
    """Return a duration of Prometheus up to hours, as ``30s`` or ``1m30s``. Raises ValueError."""
    parts = re.findall(r"([0-9]+)(ms|s|m|h)", duration)
    if not parts or "".join(n + unit for n, unit in parts) != duration:
        raise ValueError(f"`{duration}` is no duration: write it as 30s or 1m")
    return float(sum(int(n) * SECONDS[unit] for n, unit in parts))


def prices(pools: Sequence[Pool], units: Mapping[str, Mapping[str, float]]) -> list[Manifest]:
    """Return the rules that record the price of an hour of what Kueue counts, by flavor."""
    found = {pool.name: pool for pool in pools}
    return [
        {
            "record": "cnai:price_per_hour",
            "expr": f"vector({price!r})",
            "labels": {
                "flavor": flavor,
                "resource": resource,
                "shape": found[flavor].shape or "none",
                "device": found[flavor].device,
                "currency": CURRENCY,
            },
        }
        for flavor, of in units.items()
        for resource, price in of.items()
    ]


def spend(priced: Sequence[Manifest], interval: str, queues: str) -> Manifest:
    """Return the group that adds up what teams spend, by rules that record prices.

    ``interval`` is the time between two evaluations, ``queues`` the namespace that Kueue tells of
    its queues from: a rule of a team could not say that.
    """
    used = (
        "max by (cluster_queue, flavor, resource) "
        f'(kueue_cluster_queue_resource_usage{{namespace="{queues}"}})'
    )
    price = f"cnai:price_per_hour{{{OURS}}}"
    this = f"and on (month) cnai:month{{{OURS}}}"
    rules = {
        # The value is the time, so that the least of a month tells since when there is data.
        "cnai:month": CALENDAR.strip(),
        "cnai:spend:since": f"min_over_time(cnai:month{{{OURS}}}[{RANGE}]) {this}",
        "cnai:team_cost:per_hour": (
            "sum by (cluster_queue, currency, device) "
            f"({used} * on (flavor, resource) group_left (currency, device) {price}) "
            f"* on () group_left (month) {MONTH}"
        ),
        "cnai:team_cost:interval": (
            f"cnai:team_cost:per_hour{{{OURS}}} * {seconds(interval):g} / 3600"
        ),
        "cnai:team_unpriced:used": (
            f"max by (cluster_queue, flavor) (({used} unless on (flavor, resource) {price}) > 0) "
            f"* on () group_left (month) {MONTH}"
        ),
        "cnai:team_spend:month": (
            "sum by (cluster_queue, currency, device) "
            f"(sum_over_time(cnai:team_cost:interval{{{OURS}}}[{RANGE}]) {this})"
        ),
    }
    return {
        "name": "cnai-spend",
        "interval": interval,
        # One after the other, so that each sees what the one before has recorded.
        "rules": [*priced, *({"record": name, "expr": expr} for name, expr in rules.items())],
    }


def budget_rule(team: Team, namespace: str, interval: str) -> Manifest:
    """Return the object that tells Prometheus what a team may spend in a calendar month."""
    assert team.budget is not None
    rule = {
        "record": "cnai:team_budget",
        "expr": f"vector({team.budget.amount!r})",
        "labels": {
            "team": team.name,
            "cluster_queue": team.name,
            "currency": team.budget.currency,
            "stops": str(team.budget.stops).lower(),
        },
    }
    name = f"team-{team.name}"
    return {
        "apiVersion": f"{API}/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "namespace": namespace, "labels": managed("prometheus", name)},
        "spec": {
            "groups": [{"name": f"cnai-budget-{team.name}", "interval": interval, "rules": [rule]}]
        },
    }
