"""Changes to stack files that leave comments, order and quotes as a person wrote them. Pure."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ruamel.yaml import YAML

NAMESPACE = "cnai:"
IDENTITY = ("extends", "team", "ports")
"""What a fork says of itself: of no use to its base."""


def edited(text: str, change: Callable[[Any], None]) -> str:
    """Return a stack file after a change to its ``config``."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10**6
    document = yaml.load(text)
    change(document["config"])
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def offered(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a fork's own settings its base could take over."""
    return {key: value for key, value in said.items() if key not in IDENTITY}


def promoted(text: str, said: Mapping[str, Any]) -> str:
    """Return the file of a base that says what a fork says: mappings key by key."""

    def change(config: Any) -> None:
        _lay(config, {NAMESPACE + key: value for key, value in said.items()})

    return edited(text, change)


def _lay(below: Any, over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), Mapping):
            _lay(below[key], value)
        else:
            below[key] = value


def without(text: str, keys: Mapping[str, Any]) -> str:
    """Return the file of a fork that leaves these settings to its base."""

    def change(config: Any) -> None:
        for key in keys:
            del config[NAMESPACE + key]

    return edited(text, change)


def extended(text: str, until: date) -> str:
    """Return the file of a fork with another last day."""

    def change(config: Any) -> None:
        # As a text: the engine would read a bare day as a time.
        config[f"{NAMESPACE}team"]["expires"] = until.isoformat()

    return edited(text, change)
