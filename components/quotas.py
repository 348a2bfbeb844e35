"""What the pools of a cluster can give to queues, and how it is divided among teams. Pure.

Amounts are written as a map of pools to resources to Kubernetes quantities, in the order of the
pools; every pool names every resource, as Kueue wants it of the flavors of one group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from components.devices import Devices
from components.facts import Pool
from components.quantities import amount, canonical

Amounts = Mapping[str, Mapping[str, str]]


def capacity(pools: Sequence[Pool], devices: Sequence[Devices] = ()) -> dict[str, dict[str, str]]:
    """Return what the pools may be used for in all."""
    named = {pool.accelerator for pool in pools if pool.accelerator}
    accelerators = sorted(named | {d.resource for d in devices})

    def count(pool: Pool, name: str) -> int:
        if pool.accelerator == name:
            return pool.accelerators
        return pool.count * sum(d.per_node.get(pool.name, 0) for d in devices if d.resource == name)

    return {
        pool.name: {
            "cpu": canonical(pool.quota.cpu),
            "memory": canonical(pool.quota.memory),
            **{name: canonical(count(pool, name)) for name in accelerators},
        }
        for pool in pools
    }


def portion(whole: Amounts, asked: Mapping[str, str], own: Mapping[str, str]) -> Amounts:
    """Return what of the whole answers to what is asked, by resource, pool after pool.

    ``own`` maps a pool to the accelerator that its nodes are bought for: who gets some of these
    gets as much of the cores and memory around them, and what is asked of cores and memory by
    itself comes from the other pools. What cannot be had is left out: see :func:`short`.
    """
    left = {name: amount(quantity) for name, quantity in asked.items()}
    found: dict[str, dict[str, str]] = {}
    for pool, resources in whole.items():
        taken = dict.fromkeys(resources, Decimal(0))
        for name, quantity in resources.items():
            if name in {"cpu", "memory"} and pool in own:
                continue
            taken[name] = min(left.get(name, Decimal(0)), amount(quantity))
            left[name] = left.get(name, Decimal(0)) - taken[name]
        if pool in own and (all_of := amount(resources[own[pool]])):
            part = taken[own[pool]] / all_of
            taken |= {name: amount(resources[name]) * part for name in ("cpu", "memory")}
        found[pool] = {name: written(name, value) for name, value in taken.items()}
    return found


def short(asked: Mapping[str, str], given: Amounts) -> dict[str, str]:
    """Return, by resource, what was asked for and not given."""
    missing = {n: amount(q) - total(n, given) for n, q in asked.items()}
    return {name: written(name, value) for name, value in missing.items() if value > 0}


def percent(amounts: Amounts, of_each: int) -> Amounts:
    """Return so many hundredths of each amount."""

    def part(name: str, quantity: str) -> str:
        return written(name, amount(quantity) * of_each / 100)

    return {pool: {n: part(n, q) for n, q in of.items()} for pool, of in amounts.items()}


def ceiling(whole: Amounts, given: Amounts, borrowing: int | None) -> dict[str, str]:
    """Return, by resource, what a namespace may ask for at once, whatever a queue says.

    It is what is given and what may be borrowed (``borrowing``, in percent of what is given;
    without it all that there is), and a quarter more: pods that ended are counted for a while, and
    the queue is to decide before this does.
    """
    names = next(iter(whole.values()), {})
    every = {name: total(name, whole) for name in names}
    if borrowing is None:
        return {name: written(name, value) for name, value in every.items()}
    own = {name: total(name, given) * (100 + borrowing) / 100 * 5 / 4 for name in names}
    return {name: written(name, min(own[name], every[name])) for name in names}


def remainder(whole: Amounts, given: Iterable[Amounts]) -> dict[str, dict[str, str]]:
    """Return what is left of the whole when all these are given; never less than nothing."""
    parts = list(given)

    def left(pool: str, name: str, quantity: str) -> str:
        taken = sum((amount(p.get(pool, {}).get(name, "0")) for p in parts), Decimal(0))
        return written(name, max(Decimal(0), amount(quantity) - taken))

    return {p: {n: left(p, n, q) for n, q in of.items()} for p, of in whole.items()}


def total(resource: str, amounts: Amounts) -> Decimal:
    """Return how much of a resource there is in all pools, in its own unit (cores, bytes, one)."""
    return sum((amount(of.get(resource, "0")) for of in amounts.values()), Decimal(0))


def written(resource: str, value: Decimal) -> str:
    """Return an amount as a quantity: cores in thousandths, memory in MiB, all else in ones."""
    if resource == "cpu":
        return canonical(f"{int(value * 1000)}m")
    if resource == "memory":
        return canonical(f"{int(value / 2**20)}Mi")
    return canonical(int(value))
