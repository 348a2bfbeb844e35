"""Resources out of what holds them: a recorded state, a cluster, a text of manifests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.ground import KUBERNETES, Resource
from policies.plain import UNKNOWN

SECRET_MARK = "4dabf18193072939515e22adb298388d"
"""Key under which the engine marks what a state holds otherwise than as plain data."""


def of_state(exported: Mapping[str, Any]) -> list[Resource]:
    """Return the resources of what `pulumi stack export` wrote, with their inputs.

    A secret that is encrypted is a value that is not known.
    """
    deployment = exported.get("deployment") or {}
    return [
        Resource(
            type=entry["type"],
            name=entry["urn"].rpartition("::")[2],
            props=_plain(entry.get("inputs") or {}),
            protect=bool(entry.get("protect")),
        )
        for entry in deployment.get("resources") or ()
        if not entry.get("delete")
    ]


def of_objects(objects: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """Return objects of a cluster, or of a text of manifests, as the provider's resources."""
    return [
        Resource(type=token(thing["apiVersion"], thing["kind"]), name=_named(thing), props=thing)
        for thing in objects
    ]


def token(api_version: str, kind: str) -> str:
    """Return the type token of a kind of object."""
    group_version = api_version if "/" in api_version else f"core/{api_version}"
    return f"{KUBERNETES}{group_version}:{kind}"


def _named(thing: Mapping[str, Any]) -> str:
    metadata = thing.get("metadata") or {}
    return "/".join(part for part in (metadata.get("namespace"), metadata.get("name")) if part)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if SECRET_MARK in value:
            return _plain(value["value"]) if "value" in value else UNKNOWN
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
