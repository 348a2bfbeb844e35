"""A route that splits requests by weight and by header, and what a Gateway says of a route."""

from __future__ import annotations

from typing import Any

from addons.gateway import PARENT
from components.api_server import ApiServer, RefusedError
from components.routes import API, route

WEIGHTS = {"steady": 90, "canary": 10}
HEADER = {"name": "x-model", "value": "canary"}
PORT = 8000
NOT_FOUND = 404


def split(namespace: str, host: str) -> dict[str, Any]:
    """By weight; what has the header goes to the canary."""
    made = route("split", namespace, parent=PARENT, host=host, to={})
    made["spec"]["rules"] = [
        {
            "matches": [{"headers": [HEADER]}],
            "backendRefs": [{"name": "canary", "port": PORT}],
        },
        {
            "backendRefs": [
                {"name": name, "port": PORT, "weight": weight} for name, weight in WEIGHTS.items()
            ]
        },
    ]
    return made


def told(owner: ApiServer, namespace: str, name: str, type_: str) -> str:
    """Return status and reason of a condition that the Gateway has given a route, if any yet."""
    try:
        found = owner.find(API, "HTTPRoute", name, namespace)
    except RefusedError as error:
        if error.status != NOT_FOUND:
            raise
        return ""
    for parent in found.get("status", {}).get("parents", []):
        for condition in parent["conditions"]:
            if condition["type"] == type_:
                return f"{condition['status']} {condition['reason']}"
    return ""
