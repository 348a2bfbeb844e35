"""The platform's Prometheus, asked through the API server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.conformance.case import Case

PLACE = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy"


def asking(expression: str) -> tuple[str, ...]:
    """Return what kubectl is told to ask for the series that an expression has now."""
    return ("get", "--raw", f"{PLACE}/api/v1/query?query={quote(expression, safe='')}")


def series(said: str) -> list[dict[str, Any]]:
    """Return the series of an answer."""
    told = json.loads(said)
    return list(told["data"]["result"]) if told.get("status") == "success" else []


def there(case: Case) -> bool:
    """Say whether there is a Prometheus where the platform has it."""
    return case.find("service", "prometheus", "--namespace=monitoring") is not None
