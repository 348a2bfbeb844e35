"""Resources out of what holds them: a recorded state, a cluster, a text of manifests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policies.ground import KUBERNETES, Resource
from policies.plain import UNKNOWN, UNKNOWN_TEXTS

MARK = "4dabf18193072939515e22adb298388d"
"""Key under which the engine marks what it holds otherwise than as plain data, such as secrets."""


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
            id=_id(entry),
        )
        for entry in deployment.get("resources") or ()
        if not entry.get("delete")
    ]


def of_preview(events: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """Return the resources of a preview's log of events, as they are wanted.

    Values that only `up` will know are not known, and neither are secrets.
    """
    found = []
    for event in events:
        wanted = ((event.get("resourcePreEvent") or {}).get("metadata") or {}).get("new")
        if wanted:
            found.append(
                Resource(
                    type=wanted["type"],
                    name=wanted["urn"].rpartition("::")[2],
                    props=_plain(wanted.get("inputs") or {}),
                    protect=bool(wanted.get("protect")),
                    id=_id(wanted),
                )
            )
    return found


def of_objects(objects: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """Return objects of a cluster, or of a text of manifests, as the provider's resources."""
    return [
        Resource(type=token(thing["apiVersion"], thing["kind"]), name=_named(thing), props=thing)
        for thing in objects
    ]


def own(objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out objects that a controller made of another one which is among them.

    That one is judged. An owner that is only written down is no reason: it has to be there, with
    the same identity.
    """
    there = {thing["metadata"].get("uid") for thing in objects}

    def made(thing: Mapping[str, Any]) -> bool:
        owners = thing["metadata"].get("ownerReferences") or ()
        return any(owner.get("controller") and owner.get("uid") in there for owner in owners)

    return [thing for thing in objects if not made(thing)]


def token(api_version: str, kind: str) -> str:
    """Return the type token of a kind of object."""
    group_version = api_version if "/" in api_version else f"core/{api_version}"
    return f"{KUBERNETES}{group_version}:{kind}"


def _id(entry: Mapping[str, Any]) -> str | None:
    found = entry.get("id")
    return found if isinstance(found, str) and found and found not in UNKNOWN_TEXTS else None


def _named(thing: Mapping[str, Any]) -> str:
    metadata = thing.get("metadata") or {}
    return "/".join(part for part in (metadata.get("namespace"), metadata.get("name")) if part)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if MARK in value:
            return UNKNOWN
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return UNKNOWN if isinstance(value, str) and value in UNKNOWN_TEXTS else value
