"""What cannot be in one cluster is refused before anything is made."""

from __future__ import annotations

import pytest

from addons import catalogue
from components.selection import clashes, select
from tests.components.test_addon import addon
from tools.errors import ProblemError

GPUS = {
    "plugin": addon("plugin", provides=("gpus",), conflicts=("gpus",)),
    "claims": addon("claims", provides=("gpus",), conflicts=("gpus",)),
    "other": addon("other", provides=("tpus",), conflicts=("tpus",)),
}


def test_two_owners_of_one_thing_are_refused_and_named() -> None:
    with pytest.raises(ProblemError, match="`claims` and `plugin` cannot be") as caught:
        select(GPUS, ["plugin", "claims"])
    (problem,) = caught.value.problems
    assert problem.id == "CNAI-ADDON-007"
    assert problem.why == "only one may own what `gpus` owns"
    assert "plugin: false" in problem.fix


def test_one_owner_of_each_is_no_conflict() -> None:
    assert {a.name for a in select(GPUS, ["plugin", "other"])} == {"plugin", "other"}


def test_a_conflict_may_be_said_by_one_side_and_by_name() -> None:
    two = {"a": addon("a"), "b": addon("b", conflicts=("a",))}
    with pytest.raises(ProblemError, match="`b` and `a` cannot be"):
        select(two, ["a", "b"])


def test_what_another_addon_needs_can_be_in_conflict_as_well() -> None:
    all_ = {**GPUS, "app": addon("app", requires=("claims",))}
    with pytest.raises(ProblemError, match="CNAI-ADDON-007"):
        select(all_, ["app", "plugin"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nvidia-gpu-operator", "nvidia-dra-driver"),
        ("nvidia-gpu-operator", "fake-gpu-operator"),
        ("fake-gpu-operator", "nvidia-dra-driver"),
    ],
)
def test_the_gpus_of_a_node_have_one_owner(one: str, other: str) -> None:
    assert len(clashes([catalogue()[one], catalogue()[other]])) == 1


@pytest.mark.parametrize("real", ["nvidia-gpu-operator", "amd-gpu-operator"])
def test_simulated_devices_of_their_own_name_stand_in_nobodys_way(real: str) -> None:
    assert not clashes([catalogue()["simulated-devices"], catalogue()[real]])
