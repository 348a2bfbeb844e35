"""NVIDIA GPUs are whole, or shared in one way; what is said becomes what the operator reads."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from addons.nvidia_gpu_operator import Settings, plugin, resource, shared


@pytest.mark.parametrize(
    "said",
    [
        {"time_slicing": 4, "mps": 4},
        {"mig_strategy": "single", "mig_profile": "1g.10gb", "time_slicing": 2},
        {"mig_strategy": "mixed", "mig_profile": "3g.40gb", "mps": 2},
    ],
)
def test_two_ways_of_sharing_are_refused_by_name(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="shared in one way") as caught:
        Settings(**said)
    ways = {"time_slicing", "mps", "mig_strategy"} & set(said)
    assert all(way in str(caught.value) for way in ways)


@pytest.mark.parametrize("said", [{"mig_strategy": "single"}, {"mig_profile": "1g.10gb"}])
def test_a_strategy_and_a_profile_are_said_together(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="said together"):
        Settings(**said)


@pytest.mark.parametrize(
    "said",
    [
        {"time_slicing": 1},
        {"time_slicing": 65},
        {"mps": 49},
        {"mig_strategy": "single", "mig_profile": "all"},
        {"mig_strategy": "single", "mig_profile": "9g.10gb"},
        {"driver": "none"},
        {"gpus": 2},
    ],
)
def test_what_is_not_possible_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**said)


def test_whole_gpus_need_no_configuration() -> None:
    assert shared(Settings()) is None
    assert plugin(Settings()) == {"enabled": True}


@pytest.mark.parametrize(
    ("said", "way"), [({"time_slicing": 4}, "timeSlicing"), ({"mps": 4}, "mps")]
)
def test_a_shared_gpu_counts_as_many_times_as_is_said(said: dict[str, Any], way: str) -> None:
    config = plugin(Settings(**said))["config"]
    written = yaml.safe_load(config["data"][config["default"]])
    assert written["sharing"] == {way: {"resources": [{"name": "nvidia.com/gpu", "replicas": 4}]}}
    assert resource(Settings(**said)) == "nvidia.com/gpu"


@pytest.mark.parametrize(
    ("strategy", "asked"), [("single", "nvidia.com/gpu"), ("mixed", "nvidia.com/mig-1g.10gb")]
)
def test_parts_are_asked_for_by_their_strategy(strategy: str, asked: str) -> None:
    said = Settings(mig_strategy=strategy, mig_profile="1g.10gb")
    assert resource(said) == asked
    assert shared(said) is None
