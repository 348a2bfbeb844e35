"""Which addons a stack has, and the order in which they are installed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from components.addon import Addon
from tools.errors import Problem, ProblemError


def providers(addons: Iterable[Addon]) -> dict[str, str]:
    """Map every name and capability to the addon that gives it."""
    found: dict[str, str] = {}
    for addon in addons:
        found[addon.name] = addon.name
        found.update(dict.fromkeys(addon.provides, addon.name))
    return found


def select(
    catalogue: Mapping[str, Addon],
    wanted: Iterable[str],
    given: frozenset[str] = frozenset(),
    barred: Mapping[str, str] = {},
) -> tuple[Addon, ...]:
    """Return the wanted addons and all that they need, in the catalogue's order.

    A wanted name that ends in ``?`` is taken where it can be had. ``given`` names capabilities that
    the tier itself has (a managed database, say), ``barred`` addons that cannot be had and why; of
    several that give a capability the first that can be had is taken, one that is wanted before the
    others. Raises ProblemError: CNAI-ADDON-001 for an unknown name, with the nearest known one;
    CNAI-ADDON-004 for one that cannot be had; CNAI-ADDON-007 for two that cannot be together.
    """
    named = [name.removesuffix("?") for name in wanted if name not in _optional(barred)]
    preferred = [catalogue[name] for name in named if name in catalogue]
    able = [addon for addon in catalogue.values() if addon.name not in barred]
    # The last one counts.
    by_capability = providers([*catalogue.values(), *reversed(able), *preferred])
    chosen: set[str] = set()
    todo = [(name, "the settings") for name in named]
    while todo:
        name, asker = todo.pop()
        if name in given:
            continue
        if name not in by_capability:
            near = get_close_matches(name, by_capability, n=1)
            raise ProblemError(
                Problem(
                    id="CNAI-ADDON-001",
                    what=f"there is no addon `{name}`, wanted by {asker}",
                    why=f"known are: {', '.join(sorted(by_capability))}",
                    fix=f"write `{near[0]}`" if near else "take one of the known names",
                    exit_code=2,
                )
            )
        addon = catalogue[by_capability[name]]
        if addon.name in barred:
            raise ProblemError(_barred(addon.name, asker, barred[addon.name]))
        if addon.name not in chosen:
            chosen.add(addon.name)
            todo += [(need, f"addon `{addon.name}`") for need in addon.needs]
    found = tuple(addon for name, addon in catalogue.items() if name in chosen)
    if problems := [_clash(one, other, what) for one, other, what in clashes(found)]:
        raise ProblemError(*problems)
    return found


def clashes(addons: Sequence[Addon]) -> list[tuple[Addon, Addon, str]]:
    """Return each two addons that cannot be together, and the name or capability that says so."""
    return [
        (one, other, what)
        for one in addons
        for other in addons
        if one is not other
        for what in one.conflicts
        if what in {other.name, *other.provides}
        # Of two that say it of each other, once.
        and (one.name < other.name or not {one.name, *one.provides} & {*other.conflicts})
    ]


def _clash(one: Addon, other: Addon, what: str) -> Problem:
    return Problem(
        id="CNAI-ADDON-007",
        what=f"addons `{one.name}` and `{other.name}` cannot be in one cluster",
        why=f"only one may own what `{what}` owns",
        fix=f"switch one off: `cnai:addons: {{{other.name}: false}}`",
        exit_code=2,
    )


def _optional(barred: Mapping[str, str]) -> set[str]:
    return {f"{name}?" for name in barred}


def _barred(name: str, asker: str, why: str) -> Problem:
    return Problem(
        id="CNAI-ADDON-004",
        what=f"addon `{name}`, wanted by {asker}, cannot be had from source",
        why=why,
        fix=f"set `cnai:supply: upstream`, or switch it off: `cnai:addons: {{{name}: false}}`",
        exit_code=2,
    )


def predecessors(addon: Addon, selected: Mapping[str, str]) -> set[str]:
    """Addons among the selected ones that have to work before ``addon`` is begun.

    ``selected`` is what :func:`providers` says of the selection; ``after`` may name ``*``, which
    stands for all others.
    """
    named = set(addon.needs) | set(addon.after)
    if "*" in named:
        named |= set(selected)
    return {selected[name] for name in named if name in selected} - {addon.name}


def order(addons: Iterable[Addon]) -> list[Addon]:
    """Sort addons so that each comes after its predecessors; stable by name.

    Raises ProblemError that prints the cycle, where there is one.
    """
    by_name = {addon.name: addon for addon in addons}
    selected = providers(by_name.values())
    before = {name: predecessors(addon, selected) for name, addon in by_name.items()}
    done: list[str] = []
    while len(done) < len(before):
        free = sorted(n for n in before if n not in done and before[n] <= set(done))
        if not free:
            left = {n: b - set(done) for n, b in before.items() if n not in done}
            raise ProblemError(_cycle(left))
        done += free
    return [by_name[name] for name in done]


def _cycle(before: Mapping[str, set[str]]) -> Problem:
    path = [min(before)]
    while path.count(path[-1]) == 1:
        path.append(min(n for n in before[path[-1]] if n in before))
    cycle = path[path.index(path[-1]) :]
    return Problem(
        id="CNAI-ADDON-002",
        what="addons wait for each other in a circle",
        why=" → ".join(cycle),
        fix=f"take one of these out of `requires` or `after` in addons/{cycle[0]}.py",
        exit_code=2,
    )
