from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from stacks.compose import chosen, facts_of
from stacks.settings import Settings, load
from stacks.teams import checked, is_tenant, team_of
from tools.errors import ProblemError
from tools.supply import Mode

BASE: dict[str, Any] = {
    "pools": [{"name": "h100", "shape": "p5.48xlarge", "count": 2}],
    "queue": {"cpu": "1500m", "memory": "4Gi"},
}


def fork(**team: Any) -> Settings:
    return load({**BASE, "extends": "kind", "team": {"name": "vision", **team}})


def refused(said: dict[str, Any], **base: Any) -> list[str]:
    below = {**BASE, **base}
    settings = load({**below, **said})
    try:
        checked("vision-kind", said, settings, load(below))
    except ProblemError as error:
        return [problem.id for problem in error.problems]
    return []


def test_a_team_has_its_part_of_each_pool() -> None:
    settings = fork(quota={"cpu": "500m", "accelerators": {"nvidia.com/gpu": 4}})
    team = team_of(settings, facts_of("kind", settings), chosen(settings, Mode.SOURCE))
    assert team.quota["workers"]["cpu"] == "500m"
    assert team.quota["h100"]["nvidia.com/gpu"] == "4"
    assert team.quota["h100"]["cpu"] == "96"
    assert team.tenant


@pytest.mark.parametrize(
    "quota", [{"cpu": "2"}, {"accelerators": {"nvidia.com/gpu": 17}}, {"accelerators": {"x/y": 1}}]
)
def test_more_than_the_pools_have_is_refused(quota: dict[str, Any]) -> None:
    settings = fork(quota=quota)
    with pytest.raises(ProblemError) as error:
        team_of(settings, facts_of("kind", settings), chosen(settings, Mode.SOURCE))
    assert error.value.problems[0].id == "CNAI-TEAM-001"


def test_a_stack_is_a_tenant_unless_it_has_a_cluster_of_its_own() -> None:
    assert is_tenant(fork())
    assert not is_tenant(fork(mode="stack"))
    assert not is_tenant(load(BASE))


def test_a_tenant_says_nothing_of_the_cluster() -> None:
    said = {"extends": "kind", "team": {"name": "vision"}}
    assert refused(said) == []
    assert refused({**said, "workers": 3, "addons": {"kyverno": False}}) == ["CNAI-TEAM-002"] * 2


def test_a_cluster_of_its_own_keeps_the_rules_of_its_base() -> None:
    said = {"extends": "kind", "team": {"name": "vision", "mode": "stack"}, "workers": 1}
    assert refused(said) == []
    assert refused({**said, "addons": {"kyverno": False}}) == ["CNAI-TEAM-005"]


def test_a_cluster_of_its_own_asks_for_the_signatures_that_its_base_does() -> None:
    wanted, more = (
        {"images": [image], "keyless": {"issuer": "https://a.test", "subject": "me@a.test"}}
        for image in ("ghcr.io/acme", "ghcr.io/vision")
    )
    below = {"signatures": [wanted]}
    said = {"extends": "kind", "team": {"name": "vision", "mode": "stack"}}
    assert refused({**said, "signatures": [wanted, more]}, **below) == []
    assert refused({**said, "signatures": [more]}, **below) == ["CNAI-TEAM-005"]
    assert refused({**said, "signatures": []}, **below) == ["CNAI-TEAM-005"]


@pytest.mark.parametrize("said", [{"profile": "minimal"}, {"profile": "training"}])
def test_another_profile_does_not_take_what_holds_rules_away(said: dict[str, Any]) -> None:
    own = {"extends": "kind", "team": {"name": "vision", "mode": "stack"}, **said}
    assert refused(own) == ["CNAI-TEAM-005"]
    assert refused({**own, "addons": {"kyverno": True}}) == []


@pytest.mark.parametrize(
    ("registries", "found"),
    [
        (["registry.example/"], []),
        (["registry.example/vision/"], []),
        ([], ["CNAI-TEAM-020"]),
        (["registry.example/", "docker.io/"], ["CNAI-TEAM-020"]),
        (["registry.example.org/"], ["CNAI-TEAM-020"]),
    ],
)
def test_a_cluster_of_its_own_takes_images_from_where_its_base_does(
    registries: list[str], found: list[str]
) -> None:
    below = {"registries": ["registry.example/"]}
    said = {
        "extends": "kind",
        "team": {"name": "vision", "mode": "stack"},
        "registries": registries,
    }
    assert refused(said, **below) == found


def test_a_cluster_of_its_own_is_all_the_teams() -> None:
    settings = fork(mode="stack")
    team = team_of(settings, facts_of("kind", settings), chosen(settings, Mode.SOURCE))
    assert team.quota["h100"]["nvidia.com/gpu"] == "16"
    assert not team.tenant


@pytest.mark.parametrize(
    "part", [{"quota": {"cpu": "1"}}, {"budget": {"amount": 1.0}}, {"members": ["ada"]}]
)
def test_a_cluster_of_its_own_has_no_parts(part: dict[str, Any]) -> None:
    team = {"name": "vision", "mode": "stack", **part}
    assert refused({"extends": "kind", "team": team}) == ["CNAI-TEAM-015"]


@pytest.mark.parametrize("name", ["mlflow", "kueue-system", "kube-system", "kube-x", "ml-default"])
def test_names_of_the_platform_are_taken(name: str) -> None:
    assert refused({"extends": "kind", "team": {"name": name}}) == ["CNAI-TEAM-006"]


def test_a_day_is_read_as_the_engine_hands_it_on() -> None:
    """It reads a day without quotes as a time, and a file may be written by hand."""
    said = fork(expires="2026-12-22 00:00:00 +0000 UTC").team
    assert said is not None
    assert said.expires == date(2026, 12, 22)
