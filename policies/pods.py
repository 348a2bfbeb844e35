"""Where pods are specified in a resource, whatever its kind: pure.

A pod specification is known by its containers, not by the kind around it, so that custom resources
(JobSet, TrainJob, runtimes, notebooks) are seen like Deployments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.plain import UNKNOWN

CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
# Keys on the way to a container. A value that is unknown there may hide one.
_ON_THE_WAY = frozenset(
    ("spec", "template", "jobTemplate", "replicatedJobs", "trainer", "initializer", *CONTAINERS)
)
# Parts of a TrainJob that name an image without a list of containers.
_SINGLE = ("trainer", "dataset", "model")


def containers(props: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every container as (place, container)."""
    for place, node in _mappings(props):
        for key in CONTAINERS:
            listed = node.get(key)
            if isinstance(listed, list):
                for index, container in enumerate(listed):
                    if isinstance(container, Mapping):
                        name = container.get("name")
                        label = name if isinstance(name, str) else index
                        yield f"{place}{key}[{label}]", container
        for key in _SINGLE:
            single = node.get(key)
            if isinstance(single, Mapping) and not any(c in single for c in CONTAINERS):
                yield f"{place}{key}", single


def hidden(props: Mapping[str, Any]) -> list[str]:
    """Return the places that may hold containers and are not known yet."""
    return [
        f"{place}{key}"
        for place, node in _mappings(props)
        for key, value in node.items()
        if key in _ON_THE_WAY and _has_unknown(value)
    ]


def _has_unknown(value: Any) -> bool:
    return value is UNKNOWN or (isinstance(value, list) and any(v is UNKNOWN for v in value))


def pod_specs(props: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every pod specification as (place, specification)."""
    for place, node in _mappings(props):
        if any(isinstance(node.get(key), list) for key in CONTAINERS):
            yield place, node


def _mappings(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping below ``node`` with its place; names in place of indexes where given."""
    if isinstance(node, Mapping):
        yield place, node
        for key, value in node.items():
            yield from _mappings(value, f"{place}{key}.")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _mappings(value, f"{place}{index}.")
