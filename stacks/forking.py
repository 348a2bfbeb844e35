"""A fork of a stack: what its file says, and how it differs from its base. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import yaml

from stacks.settings import merge
from tools.errors import Problem, ProblemError

UNITS = {"d": 1, "w": 7}
HEAD = "# {team}: {what} of `{base}`. It holds only what differs; all else comes from there.\n"
WHAT = {"tenant": "a place on the cluster", "stack": "a cluster of its own by the settings"}


def name(team: str, base: str) -> str:
    """Return the name of a team's stack."""
    return f"{team}-{base}"


def until(ttl: str, today: date) -> date:
    """Return the last day of a time to live, as ``30d`` or ``6w`` say it.

    Raises ProblemError (CNAI-TEAM-007) for any other form.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,3})([dw])", ttl)
    if found is None:
        raise ProblemError(
            Problem(
                "CNAI-TEAM-007",
                f"`{ttl}` is no time to live",
                "it is a number of days or weeks",
                "write it as 30d or 6w",
                exit_code=2,
            )
        )
    return today + timedelta(days=int(found[1]) * UNITS[found[2]])


def text(base: str, said: Mapping[str, Any]) -> str:
    """Return the stack file of a fork."""
    team = said["team"]
    head = HEAD.format(team=team["name"], what=WHAT[team.get("mode", "tenant")], base=base)
    config = {f"cnai:{key}": value for key, value in {"extends": base, **said}.items()}
    return head + yaml.safe_dump({"config": config}, sort_keys=False)


def differences(base: Mapping[str, Any], fork: Mapping[str, Any]) -> list[str]:
    """Return what a fork adds to its base, takes from it and says otherwise, a line each."""
    return _differences("cnai", dict(base), merge(base, fork))


def _differences(path: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: list[str] = []
        for key in {**old, **new}:
            at = f"{path}:{key}" if path == "cnai" else f"{path}.{key}"
            if key not in old:
                found += [f"+ {at}: {_short(new[key])}"]
            elif key not in new:
                found += [f"- {at}: {_short(old[key])}"]
            else:
                found += _differences(at, old[key], new[key])
        return found
    return [] if old == new else [f"~ {path}: {_short(old)} → {_short(new)}"]


def _short(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
