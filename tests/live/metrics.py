"""Prometheus and Alertmanager of the platform, asked through the API server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.live.conftest import Kubectl

PROXY = "/api/v1/namespaces/monitoring/services/{}/proxy{}"


def query(kubectl: Kubectl, expression: str) -> list[dict[str, Any]]:
    """Return the series that an expression has now."""
    path = f"/api/v1/query?query={quote(expression, safe='')}"
    answer = json.loads(kubectl("get", "--raw", PROXY.format("prometheus:9090", path)))
    assert answer["status"] == "success", answer
    return list(answer["data"]["result"])


def rules(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Return every rule as Prometheus sees it, its last error among it."""
    path = PROXY.format("prometheus:9090", "/api/v1/rules")
    groups = json.loads(kubectl("get", "--raw", path))["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts(kubectl: Kubectl, name: str) -> list[dict[str, Any]]:
    """Return the alerts of a name that Alertmanager has."""
    wanted = quote(f'alertname="{name}"', safe="")
    path = f"/api/v2/alerts?filter={wanted}"
    return list(json.loads(kubectl("get", "--raw", PROXY.format("alertmanager:9093", path))))
