from __future__ import annotations

from datetime import date

import pytest
import yaml

from stacks import forking
from stacks.settings import load
from tools.errors import ProblemError

SAID = {"team": {"name": "vision", "quota": {"cpu": "1"}, "expires": date(2026, 12, 1)}}


def test_a_file_holds_only_what_differs() -> None:
    text = forking.text("kind", SAID)
    assert yaml.safe_load(text) == {"config": {"cnai:extends": "kind", "cnai:team": SAID["team"]}}
    assert text.startswith("# vision: a place on the cluster of `kind`.")


@pytest.mark.parametrize(
    ("ttl", "day"),
    [("1d", date(2026, 11, 23)), ("30d", date(2026, 12, 22)), ("2w", date(2026, 12, 6))],
)
def test_a_time_to_live_ends_on_a_day(ttl: str, day: date) -> None:
    assert forking.until(ttl, date(2026, 11, 22)) == day


@pytest.mark.parametrize("ttl", ["", "0d", "d", "30", "1y", "-3d", "99999d"])
def test_any_other_form_is_refused(ttl: str) -> None:
    with pytest.raises(ProblemError) as error:
        forking.until(ttl, date(2026, 11, 22))
    assert error.value.problems[0].id == "CNAI-TEAM-007"


def test_differences_are_added_taken_and_changed() -> None:
    base = {"profile": "laptop", "queue": {"cpu": "2", "memory": "4Gi"}}
    fork = {"queue": {"cpu": "1"}, "team": {"name": "vision"}}
    assert forking.differences(base, fork) == [
        "~ cnai:queue.cpu: '2' → '1'",
        "+ cnai:team: {name: vision}",
    ]


def test_a_fork_that_says_nothing_of_its_own_differs_in_nothing() -> None:
    assert forking.differences({"profile": "laptop"}, {}) == []


def test_what_a_fork_says_is_read_back() -> None:
    said = yaml.safe_load(forking.text("kind", SAID))["config"]
    settings = load({key.removeprefix("cnai:"): value for key, value in said.items()})
    assert settings.team is not None
    assert settings.team.expires == date(2026, 12, 1)
