"""What the state of a stack says was installed, read without the engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.addon import Addon
from stacks.cli.session import PROJECT
from tools.paths import home


@dataclass(frozen=True, kw_only=True)
class Installed:
    """Versions of the addons whose controllers answered once, and the supply they came from."""

    versions: Mapping[str, str] = field(default_factory=dict)
    mode: str | None = None


def installed(stack: str) -> Installed:
    """Return what the file backend holds of a stack; nothing for one that was never brought up."""
    path = home() / "state/.pulumi/stacks" / PROJECT / f"{stack}.json"
    try:
        return of_state(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):  # being written at this moment
        return Installed()


def leaving(have: Installed, stay: Iterable[Addon], known: Mapping[str, Addon]) -> str | None:
    """Say which installed addons a run takes away, and what data goes with them. Pure."""
    names = sorted(set(have.versions) - {addon.name for addon in stay})
    if not names:
        return None
    stores = [n for n in names if n in known and (known[n].database or known[n].bucket)]
    lost = f", with all the data in {' and '.join(stores)}" if stores else ""
    return f"takes away {', '.join(names)}{lost}"


def of_state(state: Mapping[str, Any]) -> Installed:
    """Pick addons and supply from a state. Pure."""
    latest = (state.get("checkpoint") or {}).get("latest") or {}
    by_name = [
        (str(r["type"]), str(r["urn"]).rsplit("::", 1)[1], r.get("inputs") or {})
        for r in latest.get("resources") or []
    ]
    answered = {name for type_, name, _ in by_name if type_.endswith("cnai:Ready")}
    return Installed(
        versions={
            name: str(inputs["version"])
            for type_, name, inputs in by_name
            if type_ == "cnai:index:Installation" and f"{name}/ready" in answered
        },
        mode=next(
            (inputs.get("mode") for type_, _, inputs in by_name if type_.endswith("KindCluster")),
            None,
        ),
    )
