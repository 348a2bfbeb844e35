from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clusters.local import simulated_pool
from components.clusters.shapes import SHAPES
from components.devices import Devices
from components.facts import Pool, Quota
from components.prices import MONTH_HOURS, PRICES, Estimate, Rates, estimate, node, rates, units

WORKERS = Pool(name="workers", count=2, quota=Quota(cpu="4", memory="8Gi"))
H100 = simulated_pool("h100", "p5.48xlarge", 2)
FOUR = {"h100": {"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": "4"}}


def test_every_shape_has_a_line_and_every_line_a_shape() -> None:
    assert set(PRICES) == set(SHAPES)


@pytest.mark.parametrize("name", PRICES)
def test_a_price_says_of_which_day_it_is_and_where_it_is_from(name: str) -> None:
    price = PRICES[name]
    assert price.source
    assert price.region
    assert date(2025, 1, 1) <= price.read <= date(2026, 12, 31)
    assert price.usd is None or 0.1 < price.usd / SHAPES[name].count < 20


def test_a_price_of_ones_own_comes_before_that_of_the_table_the_pool_before_the_shape() -> None:
    assert node(H100, {}) == 55.04
    assert node(H100, {"p5.48xlarge": 30.0}) == 30.0
    assert node(H100, {"p5.48xlarge": 30.0, "h100": 20.0}) == 20.0
    assert node(WORKERS, {"h100": 20.0}) is None


def test_accelerators_carry_the_price_of_their_node() -> None:
    assert rates(H100, {}) == Rates(accelerator=6.88, core=0.0, gib=0.0)


def test_without_accelerators_the_cores_do() -> None:
    assert rates(WORKERS, {"workers": 1.0}) == Rates(accelerator=0.0, core=0.5)


def test_what_has_no_price_is_unknown_and_not_free() -> None:
    assert rates(WORKERS, {}) is None
    assert rates(simulated_pool("a", "a3-megagpu-8g", 1), {}) is None
    assert "workers" not in units([WORKERS, H100], (), {})


def test_devices_that_are_served_on_nodes_bought_for_their_cores_cost_nothing_besides() -> None:
    served = Devices(resource="x/gpu", device="simulated", per_node={"workers": 2})
    known = units([WORKERS], (served,), {"workers": 1.0})
    assert known == {"workers": {"cpu": 0.5, "memory": 0.0, "x/gpu": 0.0}}


@given(
    shape=st.sampled_from([name for name, price in PRICES.items() if price.usd]),
    count=st.integers(1, 50),
)
def test_a_pool_that_is_used_up_costs_what_its_nodes_cost(shape: str, count: int) -> None:
    pool = simulated_pool("it", shape, count)
    whole = {"it": {"cpu": pool.quota.cpu, "nvidia.com/gpu": str(pool.accelerators)}}
    price = PRICES[shape].usd
    assert price
    assert estimate(whole, (pool,), (), {}).hour == pytest.approx(price * count)


def test_what_is_guaranteed_has_a_price_and_says_what_is_not_known_or_not_real() -> None:
    quota = {**FOUR, "workers": {"cpu": "500m", "memory": "0", "nvidia.com/gpu": "0"}}
    found = estimate(quota, (WORKERS, H100), (), {})
    assert found == Estimate(hour=27.52, unknown=("workers",), simulated=("h100",))
    assert found.month == pytest.approx(27.52 * MONTH_HOURS)
    assert estimate(FOUR, (WORKERS, H100), (), {}).unknown == ()
