from __future__ import annotations

import json
from typing import Any

import pytest

from components.grants import CAPACITY, GRANTS, capacity, granted, groups, left, settled
from tools.errors import ProblemError

WHOLE = {
    "workers": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "0"},
    "h100": {"cpu": "384", "memory": "4Ti", "nvidia.com/gpu": "16"},
}
FOUR = {"h100": {"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": "4"}}


def quota(said: dict[str, Any], pool: str, resource: str) -> str:
    (group,) = said["spec"]["resourceGroups"]
    (flavor,) = (f for f in group["flavors"] if f["name"] == pool)
    return str(next(r["nominalQuota"] for r in flavor["resources"] if r["name"] == resource))


def test_what_no_team_was_granted_is_the_platforms() -> None:
    said = settled(WHOLE, {"vision": FOUR, "audio": FOUR})
    assert quota(said, "h100", "nvidia.com/gpu") == "8"
    assert quota(said, "h100", "cpu") == "192"
    assert quota(said, "workers", "memory") == "4Gi"


def test_the_queue_says_what_there_is_and_who_was_granted_what() -> None:
    queue = settled(WHOLE, {"vision": FOUR})
    assert capacity(queue) == WHOLE
    assert granted(queue) == {"vision": FOUR}
    assert left(queue, "nvidia.com/gpu") == "12"
    assert json.loads(queue["metadata"]["annotations"][GRANTS]).keys() == {"vision"}
    assert CAPACITY in queue["metadata"]["annotations"]


def test_more_than_there_is_is_refused_and_who_has_it_is_named() -> None:
    many = dict.fromkeys(("a", "b", "c", "d", "e"), FOUR)
    with pytest.raises(ProblemError) as error:
        settled(WHOLE, many)
    (problem,) = error.value.problems
    assert problem.id == "CNAI-TEAM-003"
    assert "nvidia.com/gpu" in problem.what
    assert "e 4" in problem.why


def test_a_queue_that_nobody_wrote_yet_has_granted_nothing() -> None:
    assert granted({"metadata": {}}) == {}
    assert capacity({"metadata": {}}) == {}


def test_limits_are_parts_of_what_is_guaranteed() -> None:
    (group,) = groups(FOUR, borrowing=50, lending=0)
    gpus = group["flavors"][0]["resources"][2]
    assert gpus == {
        "name": "nvidia.com/gpu",
        "nominalQuota": "4",
        "borrowingLimit": "2",
        "lendingLimit": "0",
    }


def test_without_limits_none_are_said() -> None:
    (group,) = groups(FOUR)
    assert group["flavors"][0]["resources"][2] == {"name": "nvidia.com/gpu", "nominalQuota": "4"}
