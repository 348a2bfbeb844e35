"""What an addon serves reaches the queues when it is chosen, and two owners never are."""

from __future__ import annotations

import pytest

from components.devices import Devices
from stacks.compose import chosen, contexts, facts_of
from stacks.settings import load
from tools.errors import ProblemError
from tools.supply import Mode


def devices(**addons: object) -> tuple[Devices, ...]:
    """What Kueue sees of the devices when these addons are switched on."""
    settings = load({"addons": {name.replace("_", "-"): on for name, on in addons.items()}})
    selected = chosen(settings, Mode.SOURCE)
    seen = contexts(facts_of("kind", settings), settings, selected, lambda name: name)
    return seen["kueue"].devices


def test_devices_of_an_addon_that_is_off_are_not_counted() -> None:
    assert devices(kueue=True, simulated_devices=False) == ()


def test_the_settings_of_the_addon_say_how_many_there_are() -> None:
    (found,) = devices(kueue=True, simulated_devices={"per_node": 5})
    assert found.per_node == {"workers": 5}
    assert found.device == "simulated"


def test_two_owners_of_the_gpus_are_refused_before_anything_is_made() -> None:
    on = {"nvidia-gpu-operator": True, "nvidia-dra-driver": True}
    with pytest.raises(ProblemError) as caught:
        chosen(load({"addons": on}), Mode.UPSTREAM)
    assert caught.value.problems[0].id == "CNAI-ADDON-007"


def test_drivers_of_real_devices_say_why_they_are_not_built() -> None:
    with pytest.raises(ProblemError, match="as images only") as caught:
        chosen(load({"addons": {"nvidia-gpu-operator": True}}), Mode.SOURCE)
    assert caught.value.problems[0].id == "CNAI-ADDON-004"
