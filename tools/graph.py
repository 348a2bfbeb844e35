"""Targets as a graph: what each is made of, its key, and in which order they can be built."""

from __future__ import annotations

import graphlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import Problem, ProblemError


@dataclass(frozen=True)
class Workplace:
    """What a build gets: where to write, where to log, and what it needs.

    ``out`` does not exist yet: the build makes it, a file or a directory. ``needs`` maps the names
    of the targets below to their finished artifacts.
    """

    out: Path
    log: Path
    needs: Mapping[str, Path]


@dataclass(frozen=True)
class Target:
    """One thing to build.

    ``recipe`` is all that goes in besides the targets that it needs: two targets with the same
    recipe and needs are the same. ``place`` is the path below the cache; ``{key}`` stands in it.
    ``heavy`` builds compile and take the CPU; the others mostly wait for the network.
    """

    name: str
    place: str
    recipe: Mapping[str, object]
    build: Callable[[Workplace], None] = field(compare=False)
    needs: tuple[str, ...] = ()
    heavy: bool = False


def key(target: Target, keys: Mapping[str, str]) -> str:
    """Return the key of a target, given the keys of what it needs: 16 hexadecimal digits."""
    text = json.dumps(
        {"recipe": target.recipe, "needs": {name: keys[name] for name in target.needs}},
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def order(targets: Iterable[Target]) -> list[Target]:
    """Sort targets so that each comes after what it needs; by name where that leaves a choice.

    Raises :class:`ProblemError` for a circle or a target that is not there.
    """
    known = {target.name: target for target in targets}
    for target in known.values():
        for need in target.needs:
            if need not in known:
                raise ProblemError(unknown(need, known))
    sorter = graphlib.TopologicalSorter({t.name: t.needs for t in known.values()})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = " → ".join(error.args[1])
        raise ProblemError(
            Problem(
                "CNAI-SUPPLY-009",
                f"the catalogue runs in a circle: {circle}",
                "each target of the circle needs the next, so none can be the first",
                "take one of these needs out of tools/catalog.toml",
                exit_code=2,
            )
        ) from error
    result: list[Target] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        result += [known[name] for name in ready]
        sorter.done(*ready)
    return result


def keys(targets: Iterable[Target]) -> dict[str, str]:
    """Return the key of every target; ``targets`` must hold all that is needed."""
    found: dict[str, str] = {}
    for target in order(targets):
        found[target.name] = key(target, found)
    return found


def closure(wanted: Iterable[str], targets: Mapping[str, Target]) -> dict[str, Target]:
    """Return the wanted targets and all that they need. Raises :class:`ProblemError`."""
    found: dict[str, Target] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in targets:
            raise ProblemError(unknown(name, targets))
        found[name] = targets[name]
        waiting += targets[name].needs
    return found


def unknown(name: str, known: Iterable[str]) -> Problem:
    """Return the problem of a target that is in no catalogue."""
    return Problem(
        "CNAI-SUPPLY-008",
        f"there is nothing called {name} in the catalogue",
        f"known are: {', '.join(sorted(known))}",
        "python -m tools list",
        exit_code=2,
    )
