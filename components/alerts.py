"""Rules over metrics, as the object that Prometheus' operator reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.facts import Pool
from components.labels import managed
from components.monitors import API

Manifest = dict[str, Any]
PAGE = "docs/how-to/alerts.md"


def wanted(pools: Sequence[Pool]) -> Manifest:
    """Return the group that records how many accelerators each pool is meant to have.

    The name of the resource is written as kube-state-metrics writes it.
    """
    rules = [
        {
            "record": "cnai:pool_accelerators:wanted",
            "expr": f"vector({pool.accelerators})",
            "labels": {
                "pool": pool.name,
                "resource": "".join(c if c.isalnum() else "_" for c in pool.accelerator),
                "device": pool.device,
            },
        }
        for pool in pools
        if pool.accelerator
    ]
    return {"name": "cnai-pools", "rules": rules}


def lasting(groups: Sequence[Manifest], durations: Mapping[str, str]) -> list[Manifest]:
    """Return the groups with the given ``for`` of the alerts that are named.

    Raises ValueError for a name that no alert has.
    """
    known = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    if unknown := sorted(set(durations) - known):
        raise ValueError(f"no alert is called {', '.join(unknown)}; known: {sorted(known)}")

    def changed(rule: Manifest) -> Manifest:
        said = durations.get(rule.get("alert", ""))
        return {**rule, "for": said} if said else rule

    return [{**group, "rules": [changed(rule) for rule in group["rules"]]} for group in groups]


def told(rule: Manifest) -> Manifest:
    """Return an alert with the place of its page among the annotations."""
    if "alert" not in rule:
        return rule
    runbook = f"{PAGE}#{rule['alert'].lower()}"
    return {**rule, "annotations": {**rule["annotations"], "runbook": runbook}}


def prometheus_rule(
    namespace: str,
    groups: Sequence[Manifest],
    *,
    pools: Sequence[Pool] = (),
    first: Sequence[Manifest] = (),
    durations: Mapping[str, str] = {},
) -> Manifest:
    """Return all rules as one object; ``first`` are groups that were made, without alerts."""
    made = [group for group in (wanted(pools), *first) if group["rules"]]
    return {
        "apiVersion": f"{API}/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "platform",
            "namespace": namespace,
            "labels": managed("prometheus", "rules"),
        },
        "spec": {
            "groups": [
                *made,
                *[
                    {**group, "rules": [told(rule) for rule in group["rules"]]}
                    for group in lasting(groups, durations)
                ],
            ]
        },
    }
