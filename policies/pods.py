"""Where pods are specified in a resource, whatever its kind: pure.

A pod specification is known by its containers, not by the kind around it, so that custom resources
(JobSet, TrainJob, runtimes, notebooks) are seen like Deployments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from policies.plain import UNKNOWN
from policies.values import read

at = read
"""Its name in rules on objects: what is at ``spec``, ``template``, ``spec``."""
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
WHOLE = tuple(
    f"kubernetes:*:{kind}"
    for kind in (
        *("Pod", "ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet"),
        *("Job", "CronJob", "JobSet", "LeaderWorkerSet", "ScaledJob", "Notebook"),
        *("RayCluster", "RayJob", "RayService", "PyTorchJob", "TFJob", "JAXJob", "MPIJob"),
    )
)
"""Kinds that say all that there is to say of their pods: what is not there is missing."""
PARTS = tuple(
    f"kubernetes:*:{kind}"
    for kind in ("TrainJob", "TrainingRuntime", "InferenceService", "ServingRuntime")
)
"""Kinds that say a part: a pod is made of what a job or a service says and of its runtime."""
QUANTITY = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE]([+-]?\d{1,2}))?", re.ASCII
)
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
# Keys on the way to a container. A value that is unknown there may hide one.
_ON_THE_WAY = frozenset(
    (
        *("spec", "template", "jobTemplate", "replicatedJobs", *CONTAINERS),
        *("trainer", "initializer", "runtimePatches", "trainingRuntimeSpec"),
        *("predictor", "transformer", "explainer"),
    )
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


def each(value: Any) -> Iterator[Any]:
    """Yield what is in a list; UNKNOWN for a list that is not known yet."""
    if value is UNKNOWN:
        yield UNKNOWN
    elif isinstance(value, list):
        yield from value


def keyed(props: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    """Yield everything that lies under a key, however deep, as (place, value)."""
    for place, node in _mappings(props):
        if key in node:
            yield f"{place}{key}", node[key]


def volumes(props: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every volume of a pod as (place, volume)."""
    for place, listed in keyed(props, "volumes"):
        for index, volume in enumerate(each(listed)):
            name = at(volume, "name")
            yield f"{place}[{name if isinstance(name, str) else index}]", volume


def quantity(value: Any) -> Decimal | None:
    """Return a quantity of Kubernetes as a number in its own unit; None for what is none."""
    found = None if isinstance(value, bool) else QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, suffix, exponent = Decimal(found[1]), found[2] or "", found[3]
    if suffix in _BINARY:
        return number * Decimal(1024) ** (_BINARY.index(suffix) + 1)
    power = int(exponent) if exponent else 3 * (_DECIMAL.index(suffix) - _DECIMAL.index(""))
    return number * Decimal(10) ** power


def _mappings(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping below ``node`` with its place.

    Every rule on pods goes through it: it asks for builtins, which properties are (plain.py), as
    that is many times faster than to ask for a ``Mapping``, and goes into nothing else.
    """
    if isinstance(node, dict):
        yield place, node
        inner: Iterable[tuple[Any, Any]] = node.items()
    else:
        inner = enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        if isinstance(value, dict | list):
            yield from _mappings(value, f"{place}{key}.")
