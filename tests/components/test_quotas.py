from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clusters.local import simulated_pool
from components.devices import Devices
from components.facts import Pool, Quota
from components.quantities import amount
from components.quotas import capacity, ceiling, percent, portion, remainder, short, total

REAL = Pool(name="workers", count=2, quota=Quota(cpu="2", memory="4Gi"))
FAKE = simulated_pool("h100", "p5.48xlarge", 2)
CLAIMED = Devices(
    resource="cnai.dev/gpu", claim="gpu.example.com", device="simulated", per_node={"workers": 3}
)
WHOLE = capacity((REAL, FAKE), (CLAIMED,))
OWN = {"h100": "nvidia.com/gpu"}


def test_capacity_is_what_the_pools_have_and_no_more() -> None:
    assert capacity((REAL, FAKE)) == {
        "workers": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "0"},
        "h100": {"cpu": "384", "memory": "4Ti", "nvidia.com/gpu": "16"},
    }


def test_without_accelerators_none_are_named() -> None:
    assert capacity((REAL,)) == {"workers": {"cpu": "2", "memory": "4Gi"}}


def test_devices_that_addons_serve_are_counted_where_they_are() -> None:
    assert {name: of["cnai.dev/gpu"] for name, of in WHOLE.items()} == {"workers": "6", "h100": "0"}


def test_a_pool_that_has_an_accelerator_keeps_its_count_when_it_is_claimed() -> None:
    claimed = Devices(resource="nvidia.com/gpu", claim="gpu.nvidia.com", device="real")
    assert capacity((FAKE,), (claimed,))["h100"]["nvidia.com/gpu"] == "16"


def test_with_an_accelerator_come_the_cores_and_memory_around_it() -> None:
    found = portion(WHOLE, {"nvidia.com/gpu": "4", "cpu": "500m", "memory": "1Gi"}, OWN)
    assert found == {
        "workers": {"cpu": "500m", "memory": "1Gi", "cnai.dev/gpu": "0", "nvidia.com/gpu": "0"},
        "h100": {"cpu": "96", "memory": "1Ti", "cnai.dev/gpu": "0", "nvidia.com/gpu": "4"},
    }


def test_devices_on_plain_nodes_come_alone() -> None:
    found = portion(WHOLE, {"cnai.dev/gpu": "2"}, OWN)
    assert found["workers"] == {
        "cpu": "0",
        "memory": "0",
        "cnai.dev/gpu": "2",
        "nvidia.com/gpu": "0",
    }


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"nvidia.com/gpu": "17"}, {"nvidia.com/gpu": "1"}),
        ({"cpu": "2500m"}, {"cpu": "500m"}),
        ({"memory": "5Gi"}, {"memory": "1Gi"}),
        ({"amd.com/gpu": "1"}, {"amd.com/gpu": "1"}),
        ({"nvidia.com/gpu": "16", "cpu": "2"}, {}),
    ],
)
def test_what_cannot_be_had_is_named(asked: dict[str, str], missing: dict[str, str]) -> None:
    assert short(asked, portion(WHOLE, asked, OWN)) == missing


@given(st.lists(st.integers(0, 8), max_size=3))
def test_what_is_given_and_what_is_left_are_the_whole(counts: list[int]) -> None:
    given_ = [portion(WHOLE, {"nvidia.com/gpu": str(n)}, OWN) for n in counts]
    left = remainder(WHOLE, given_)
    for name in WHOLE["h100"]:
        taken = sum((total(name, one) for one in given_), Decimal(0))
        if sum(counts) <= 16:
            assert taken + total(name, left) == total(name, WHOLE)
        assert all(amount(of[name]) >= 0 for of in left.values())


def test_hundredths_are_taken_of_each_amount() -> None:
    assert percent({"workers": {"cpu": "1", "memory": "4Gi"}}, 25) == {
        "workers": {"cpu": "250m", "memory": "1Gi"}
    }


@pytest.mark.parametrize(
    ("borrowing", "cores"), [(0, "1250m"), (50, "1875m"), (90_000, "386"), (None, "386")]
)
def test_a_team_asks_for_what_it_has_and_may_borrow_and_never_for_more_than_there_is(
    borrowing: int | None, cores: str
) -> None:
    given = portion(WHOLE, {"cpu": "1"}, OWN)
    found = ceiling(WHOLE, given, borrowing)
    assert found["cpu"] == cores
    assert found["nvidia.com/gpu"] == ("16" if borrowing is None else "0")
