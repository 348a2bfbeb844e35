"""Which addons to switch off together, so that few runs switch off each of them once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from components.addon import Addon
from components.selection import providers


def with_dependants(name: str, addons: Sequence[Addon]) -> frozenset[str]:
    """Return an addon and all that need it, directly or not: they can only go together."""
    given = providers(addons)
    off = {name}
    while True:
        more = {a.name for a in addons if any(given.get(need) in off for need in a.needs)} - off
        if not more:
            return frozenset(off)
        off |= more


def rounds(addons: Sequence[Addon]) -> list[frozenset[str]]:
    """Return sets of addons to switch off, one after the other; each addon is in one of them.

    Each set is closed: whatever needs a member is a member. A set holds no more than half of the
    addons, rounded up, so that the others have to work without it, unless one is needed by more.
    """
    most = (len(addons) + 1) // 2
    groups = sorted(
        {with_dependants(addon.name, addons) for addon in addons},
        key=lambda group: (-len(group), sorted(group)),
    )
    found: list[frozenset[str]] = []
    for group in groups:
        if any(group <= one for one in found):
            continue
        place = next((n for n, one in enumerate(found) if len(one | group) <= most), None)
        if place is None:
            found.append(group)
        else:
            found[place] |= group
    return found
