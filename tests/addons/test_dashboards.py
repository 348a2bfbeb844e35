"""Dashboards, linted: each panel asks something, says what, and fixes neither source nor place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from addons.grafana import FOLDER, dashboards, own_dashboard, per_team
from components.dashboards import COLUMNS, SOURCE, dashboard
from components.team import Team

ALL = dashboards()
CTX: Any = None  # a dashboard of a team asks nothing of the context
PANELS = {f"{name}: {p['title']}": p for name, model in ALL.items() for p in model["panels"]}
UNITS = {"short", "bytes", "s", "h", "reqps", "percentunit"}


def test_those_that_were_promised_are_there() -> None:
    assert set(ALL) == {"cluster", "queues", "training", "serving", "cost"}


@pytest.mark.parametrize("key", ["uid", "title"])
def test_no_two_are_called_the_same(key: str) -> None:
    assert len({model[key] for model in ALL.values()}) == len(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_data_source_is_a_variable(name: str) -> None:
    first, *others = ALL[name]["templating"]["list"]
    assert (first["name"], first["type"]) == ("datasource", "datasource")
    assert all(variable["datasource"] == SOURCE for variable in others)


@pytest.mark.parametrize("name", ALL)
def test_every_variable_is_used_and_known(name: str) -> None:
    known = {variable["name"] for variable in ALL[name]["templating"]["list"]} - {"datasource"}
    asked = " ".join(t["expr"] for panel in ALL[name]["panels"] for t in panel["targets"])
    used = {word for word in re.findall(r"\$(\w+)", asked) if not word.startswith("__")}
    assert used == known


@pytest.mark.parametrize("name", ALL)
def test_panels_do_not_overlap_and_have_titles_of_their_own(name: str) -> None:
    panels = ALL[name]["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= COLUMNS
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
def test_a_panel_asks_says_what_and_fixes_nothing(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == SOURCE
    for target in panel["targets"]:
        assert target["datasource"] == SOURCE
        assert target["expr"]
        assert target["legendFormat"]
        assert not re.search(r'namespace=~?"(?!\$)', target["expr"]), "a namespace is a variable"
        # A counter is asked how fast it grows, never how large it is.
        for call in re.findall(r"(\w+)\(\w+_total\b", target["expr"]):
            assert call in {"rate", "increase"}


def test_panels_go_on_in_a_new_row() -> None:
    panel = {"title": "a", "description": "a", "unit": "s", "kind": "stat", "queries": []}
    model = dashboard(
        {
            "uid": "a",
            "title": "a",
            "description": "a",
            "panels": [{**panel, "width": width} for width in (12, 12, 8)],
        }
    )
    assert [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in model["panels"]] == [
        (0, 0),
        (12, 0),
        (0, 4),
    ]


def test_a_team_has_a_dashboard_of_itself_alone_in_its_folder() -> None:
    (made,) = per_team(CTX, Team(name="vision", tenant=True)).workloads
    assert made["metadata"]["namespace"] == "vision"
    assert made["metadata"]["annotations"] == {FOLDER: "vision"}
    (text,) = made["data"].values()
    model = json.loads(text)
    assert (model["uid"], model["title"]) == ("team-vision", "vision")
    assert "TEAM" not in text
    for panel in model["panels"]:
        assert panel["description"].endswith(".")
        for target in panel["targets"]:
            assert '"vision"' in target["expr"] or "cnai:spend:since" in target["expr"]
    assert not per_team(CTX, Team(name="platforms-own")).workloads


def test_a_long_name_still_makes_an_identifier_that_grafana_takes() -> None:
    assert len(own_dashboard("a" * 40)["uid"]) <= 40
