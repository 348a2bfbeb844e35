"""Forks at once, forks that are killed, what their base says later, and more than there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from components import grants
from components.quotas import total
from stacks.cli.recover import plugins
from tests.live.tenants.conftest import ASKED, Tenants
from tools.errors import ProblemError

pytestmark = pytest.mark.live
GPU = "nvidia.com/gpu"


def test_a_run_that_was_killed_is_mended_by_the_next(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "removed the lock of process" in tenants.said[tenants.stack("red")]
    monkeypatch.setenv("CNAI_HOME", str(tenants.platform.home))
    assert plugins(tenants.stack("red")) == [], "nobody of it is left"


def test_a_base_that_comes_up_beside_its_forks_changes_nothing_of_theirs(tenants: Tenants) -> None:
    assert "no changes" in tenants.said[tenants.platform.stack]
    assert granted(tenants) == {"red": 4, "blue": 4}


def test_a_second_up_of_a_team_changes_nothing(tenants: Tenants) -> None:
    changed = tenants.platform.pulumi("preview", "--expect-no-changes", of=tenants.stack("red"))
    assert changed.returncode == 0, changed.stdout + changed.stderr


def test_teams_are_listed_with_what_they_use(tenants: Tenants) -> None:
    told = json.loads(tenants.platform.cnai("teams", "--output=json").stdout)["teams"]
    assert [one["team"] for one in told] == ["blue", "red"]
    assert all(not one["expired"] and f"h100: {GPU} 0/4" in one["used"] for one in told)


def test_the_status_of_a_team_is_of_its_own_part(tenants: Tenants) -> None:
    asked = tenants.platform.cnai("status", tenants.stack("red"), "--output=json")
    assert asked.returncode == 0, asked.stdout
    told = json.loads(asked.stdout)
    claims = {a["name"]: [c["claim"] for c in a["claims"]] for a in told["addons"]}
    assert {"kueue", "mlflow", "feast"} <= claims.keys()
    assert all(addon["ready"] for addon in told["addons"])
    assert "blue" not in json.dumps(claims)
    assert {q["name"] for q in told["queues"] if q["kind"] == "ClusterQueue"} == {"red"}


def test_more_than_is_left_is_refused_and_who_has_it_is_named(tenants: Tenants) -> None:
    platform, green = tenants.platform, tenants.stack("green")
    assert platform.cnai("fork", platform.stack, "--team=green", "--gpus=9").returncode == 0
    try:
        assert tenants.up("green") != 0
        log = (platform.home / "logs" / f"{green}.log").read_text()
        assert "CNAI-TEAM-003" in log
        assert f"pool `h100` cannot give that much {GPU}" in log
        assert "red 4" in log
    finally:
        platform.cnai("down", green, "--no-archive")
        tenants.file("green").unlink()
    assert granted(tenants) == {"red": 4, "blue": 4}


@pytest.fixture
def many(tenants: Tenants) -> Iterator[list[str]]:
    """Names of teams that are granted something by one test alone."""
    names = [f"one-of-many-{number}" for number in range(10)]
    yield names
    for name in names:
        grants.write(tenants.platform.kubeconfig.read_text(), name, None)


def test_of_many_at_once_none_is_lost_and_none_gets_what_is_not_there(
    tenants: Tenants, many: list[str]
) -> None:
    """Eight are left and ten want one each."""
    kubeconfig = tenants.platform.kubeconfig.read_text()
    # Made here: threads that import the same at once wait for each other.
    tenants.owner()

    def grant(name: str) -> str:
        try:
            grants.write(kubeconfig, name, {"h100": {GPU: "1"}})
        except ProblemError as error:
            return error.problems[0].id
        return "granted"

    with ThreadPoolExecutor(len(many)) as pool:
        told = sorted(pool.map(grant, many))
    assert told == ["CNAI-TEAM-003"] * 2 + ["granted"] * 8
    held = granted(tenants)
    assert sum(held.values()) == 16
    assert held["red"] == held["blue"] == 4


def granted(tenants: Tenants) -> dict[str, int]:
    """How many accelerators each team was granted, as the platform's queue says it."""
    queue = tenants.owner().find(grants.API, grants.KIND, grants.PLATFORM)
    return {team: int(total(GPU, held)) for team, held in grants.granted(queue).items()}


def test_what_the_base_says_later_flows_down(tenants: Tenants) -> None:
    platform = tenants.platform
    file = platform.stack_file(platform.stack)
    before = file.read_text()
    said = yaml.safe_load(before)
    said["config"]["cnai:addons"] = {"feast": {"schedule": "17 * * * *"}}

    def schedule(team: str) -> str:
        found = tenants.owner().find("batch/v1", "CronJob", f"materialize-{team}", "feast")
        return str(found["spec"]["schedule"])

    try:
        file.write_text(yaml.safe_dump(said))
        assert tenants.up("red") == 0
        assert {team: schedule(team) for team in ASKED} == {
            "red": "17 * * * *",
            "blue": "0 * * * *",
        }
    finally:
        file.write_text(before)
        assert tenants.up("red") == 0
    assert schedule("red") == "0 * * * *"
