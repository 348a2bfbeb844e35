"""Dashboards as code: a short description of questions → the model that Grafana reads. Pure.

A description is a mapping: ``uid``, ``title``, ``description``, ``variables`` (name → the query
that lists its values) and ``panels``. A panel has ``title``, ``description``, ``unit``, ``kind``
(``timeseries``, ``stat``, ``gauge``, ``bargauge``, ``table``), ``width`` of twenty-four columns and
``queries`` (``expr``, ``legend``). ``waits_for`` says of a panel that may be empty what it waits
for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
HEIGHT = {"stat": 4, "gauge": 6, "bargauge": 6, "timeseries": 8, "table": 8}
SCHEMA = 41


def _target(panel: Mapping[str, Any], number: int, expression: str, legend: str) -> Manifest:
    single = panel["kind"] != "timeseries"
    return {
        "datasource": SOURCE,
        "refId": chr(ord("A") + number),
        "expr": expression.strip(),
        "legendFormat": legend,
        "instant": single,
        "range": not single,
        **({"format": "table"} if panel["kind"] == "table" else {}),
    }


def _fields(panel: Mapping[str, Any]) -> Manifest:
    defaults: Manifest = {"unit": panel["unit"]}
    for bound in ("min", "max"):
        if bound in panel:
            defaults[bound] = panel[bound]
    if panel["kind"] == "timeseries":
        defaults["custom"] = {"fillOpacity": 10, "showPoints": "never"}
    if "bad" in panel:
        # Green below, red from there on.
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel["bad"]}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    return {"defaults": defaults, "overrides": []}


def _panel(panel: Mapping[str, Any], number: int, place: Manifest) -> Manifest:
    queries = panel["queries"]
    made: Manifest = {
        "id": number,
        "type": panel["kind"],
        "title": panel["title"],
        "description": panel["description"],
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": _fields(panel),
        "targets": [_target(panel, n, q["expr"], q["legend"]) for n, q in enumerate(queries)],
    }
    if panel["kind"] == "table":
        hidden = {"excludeByName": {"Time": True}}
        made["transformations"] = [{"id": "organize", "options": hidden}]
    return made


def _places(panels: Sequence[Mapping[str, Any]]) -> list[Manifest]:
    """Lay panels from left to right, a new row when one does not fit."""
    places: list[Manifest] = []
    left = top = row = 0
    for panel in panels:
        width, height = panel.get("width", COLUMNS // 2), HEIGHT[panel["kind"]]
        if left + width > COLUMNS:
            left, top, row = 0, top + row, 0
        places.append({"x": left, "y": top, "w": width, "h": height})
        left, row = left + width, max(row, height)
    return places


def _variable(name: str, query: str) -> Manifest:
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def dashboard(described: Mapping[str, Any]) -> Manifest:
    """Return the model of one dashboard."""
    panels = described["panels"]
    placed = zip(panels, _places(panels), strict=True)
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}}
    variables = described.get("variables", {})
    return {
        "uid": described["uid"],
        "title": described["title"],
        "description": described["description"],
        "tags": ["cnai"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [source, *[_variable(*of) for of in variables.items()]]},
        "panels": [_panel(panel, n, place) for n, (panel, place) in enumerate(placed, 1)],
    }
