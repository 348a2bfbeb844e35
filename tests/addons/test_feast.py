"""What a team gets of Feast: a project, servers of its own, a client without any secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from addons import catalogue, feast, pins, script
from components.addon import Addon, Context, everything
from components.team import Team
from tools.paths import REPO

TEAMS = ("ml-default", "vision")


@pytest.fixture
def two_teams(context: Callable[[Addon], Context]) -> Context:
    return replace(context(catalogue()["feast"]), teams=tuple(Team(name=n) for n in TEAMS))


@pytest.mark.parametrize(("team", "name"), [("ml-default", "ml_default"), ("vision", "vision")])
def test_a_project_has_the_name_of_its_team_as_feast_allows_it(team: str, name: str) -> None:
    assert feast.project(team) == name


def test_a_client_speaks_to_the_servers_of_its_team_alone() -> None:
    config = yaml.safe_load(feast.client("vision"))
    assert config["project"] == "vision"
    assert config["registry"] == {"registry_type": "remote", "path": "vision.feast.svc:6570"}
    assert config["offline_store"] == {"type": "remote", "host": "vision.feast.svc", "port": 8815}
    assert config["online_store"] == {"type": "remote", "path": "http://vision.feast.svc:6566"}


def test_what_lies_with_a_team_holds_no_secret(two_teams: Context) -> None:
    given = everything(feast.ADDON, two_teams).resources
    assert {manifest["metadata"]["namespace"] for manifest in given} == set(TEAMS)
    assert {manifest["kind"] for manifest in given} == {"ConfigMap"}
    for secret in (two_teams.database("feast").password, two_teams.bucket("feast").secret_key):
        assert secret
        assert secret not in json.dumps(given)


def test_every_team_has_servers_that_only_it_reaches(two_teams: Context) -> None:
    made = everything(feast.ADDON, two_teams).workloads
    for kind in ("Deployment", "Service", "NetworkPolicy"):
        assert [m["metadata"]["name"] for m in made if m["kind"] == kind] == list(TEAMS)
    for fence in (manifest for manifest in made if manifest["kind"] == "NetworkPolicy"):
        team = fence["metadata"]["name"]
        asked, metrics = fence["spec"]["ingress"]
        (let_in,) = asked["from"]
        (names,) = let_in["namespaceSelector"]["matchExpressions"]
        assert names["values"] == [team, "feast"]
        assert {port["port"] for port in asked["ports"]} == {6566, 6570, 8815}
        assert metrics == {"ports": [{"port": 8000}]}
        assert fence["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == team


def test_the_servers_of_a_project_keep_to_its_schema() -> None:
    known = yaml.safe_load(script("feast", "feature_store.yaml"))
    assert known["registry"]["path"].endswith("search_path%3D${PROJECT}")
    assert known["online_store"]["db_schema"] == "${PROJECT}"
    assert "PGPASSWORD" not in known["registry"]["path"]


def test_new_rows_are_copied_by_one_job_at_a_time(two_teams: Context) -> None:
    made = everything(feast.ADDON, two_teams).workloads
    copies = [m["spec"] for m in made if m["kind"] == "CronJob"]
    assert [copy["concurrencyPolicy"] for copy in copies] == ["Forbid", "Forbid"]
    assert {copy["schedule"] for copy in copies} == {two_teams.settings.schedule}


@pytest.mark.parametrize("image", ["feast", "trainer-jax"])
def test_servers_and_training_pods_have_feast_of_one_version(image: str) -> None:
    lock = (REPO / "tools" / "python" / image / "requirements.lock").read_text()
    assert f"\nfeast=={pins()['feast'].version} " in lock
