"""What an hour of a node costs, and how that is divided among what its pods ask for. Pure.

Prices are those on demand, without tax or discount, in USD, as public copies of the vendors' lists
give them. They change: each says of which day it is, and which page has it. What was not found is
unknown, and a stack may say prices of its own (``cnai:prices``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from components.devices import Devices
from components.facts import Pool
from components.quantities import amount
from components.quotas import Amounts, capacity

CURRENCY = "USD"
MONTH_HOURS = 730
"""Hours of a month as clouds count them."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """Price of one node for an hour; ``usd`` is None where none was found."""

    usd: float | None
    region: str
    read: date
    source: str


_EC2 = "Amazon EC2 On-Demand Pricing (Linux; after the reductions for P4 and P5 of June 2025)"
_GCE = "Compute Engine: accelerator-optimized machine type family, VM instance pricing"
_US_EAST, _IOWA = "us-east-1", "us-central1"

PRICES: dict[str, Price] = {
    "p5.48xlarge": Price(usd=55.04, region=_US_EAST, read=date(2026, 9, 30), source=_EC2),
    # No price on demand is published.
    "p5e.48xlarge": Price(usd=None, region=_US_EAST, read=date(2026, 9, 30), source=_EC2),
    "p4d.24xlarge": Price(usd=21.957642, region=_US_EAST, read=date(2026, 9, 30), source=_EC2),
    "g6.xlarge": Price(usd=0.8048, region=_US_EAST, read=date(2026, 9, 22), source=_EC2),
    "g6e.12xlarge": Price(usd=10.49264, region=_US_EAST, read=date(2026, 9, 29), source=_EC2),
    # No exact figure was found.
    "a3-megagpu-8g": Price(usd=None, region=_IOWA, read=date(2026, 11, 22), source=_GCE),
    "a2-highgpu-1g": Price(usd=3.673385, region=_IOWA, read=date(2025, 3, 6), source=_GCE),
    "g2-standard-4": Price(usd=0.706832276, region=_IOWA, read=date(2026, 9, 8), source=_GCE),
}


@dataclass(frozen=True, kw_only=True)
class Rates:
    """USD for an hour of one accelerator, of one core and of one GiB of memory."""

    accelerator: float
    core: float
    gib: float = 0.0


def node(pool: Pool, own: Mapping[str, float]) -> float | None:
    """Return the price of one node of a pool for an hour; ``own`` are prices by pool or shape."""
    for name in (pool.name, pool.shape):
        if name in own:
            return own[name]
    known = PRICES.get(pool.shape)
    return known.usd if known else None


def rates(pool: Pool, own: Mapping[str, float]) -> Rates | None:
    """Divide the price of a node: its accelerators carry it, or its cores where it has none.

    Memory and, beside accelerators, cores come with it. Cores are those that the queue may give, so
    that a pool which is used up costs what its nodes cost. None where the price is unknown.
    """
    whole = node(pool, own)
    if whole is None:
        return None
    if pool.per_node:
        return Rates(accelerator=whole / pool.per_node, core=0.0)
    cores = amount(pool.quota.cpu)
    return Rates(accelerator=0.0, core=whole * pool.count / float(cores)) if cores else None


def units(
    pools: Sequence[Pool], devices: Sequence[Devices], own: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Return, by pool with a known price and by resource, the price of an hour of one unit.

    A unit is what Kueue counts in: a core, a byte, a device. Devices that an addon serves on nodes
    which are bought for their cores cost nothing besides.
    """
    found: dict[str, dict[str, float]] = {}
    for pool in pools:
        known = rates(pool, own)
        if known is None:
            continue
        per = {"cpu": known.core, "memory": known.gib / 2**30}
        if pool.accelerator:
            per[pool.accelerator] = known.accelerator
        resources = capacity(pools, devices)[pool.name]
        found[pool.name] = {name: per.get(name, 0.0) for name in resources}
    return found


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Price of what is guaranteed, for an hour; ``unknown`` and ``simulated`` name pools of it."""

    hour: float
    unknown: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()

    @property
    def month(self) -> float:
        """Price of a month in which all of it is used all the time."""
        return self.hour * MONTH_HOURS


def estimate(
    quota: Amounts, pools: Sequence[Pool], devices: Sequence[Devices], own: Mapping[str, float]
) -> Estimate:
    """Return what is guaranteed, times its price."""
    known = units(pools, devices, own)
    asked = {p: {n: amount(q) for n, q in of.items() if amount(q)} for p, of in quota.items()}
    held = {pool: of for pool, of in asked.items() if of}
    hour = sum(
        Decimal(str(known[pool].get(name, 0.0))) * value
        for pool, of in held.items()
        if pool in known
        for name, value in of.items()
    )
    fake = {pool.name for pool in pools if pool.device == "simulated"}
    return Estimate(
        hour=float(hour),
        unknown=tuple(pool for pool in held if pool not in known),
        simulated=tuple(pool for pool in held if pool in fake),
    )
