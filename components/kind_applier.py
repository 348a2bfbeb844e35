"""Applies, looks for and removes kinds; what :mod:`components.kinds` does at a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from components import probe_runner
from components.probes import established

MANAGER = "cnai"
GONE = 120.0
"""Seconds within which a kind and all its objects go."""
# PyYAML's own parser takes half a minute for the larger kinds.
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Fast):  # type: ignore[misc]
    """Reads ``=``, which YAML 1.1 keeps for itself, as the text that Kubernetes takes it for."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def definitions(text: str) -> list[dict[str, Any]]:
    """Return the kinds in a text of several YAML documents; other objects in it are left out."""
    found = (doc for doc in yaml.load_all(text, Loader=_Loader) if doc)
    return [doc for doc in found if doc["kind"] == "CustomResourceDefinition"]


def apply(kubeconfig: str, file: Path) -> list[str]:
    """Apply every kind of the file, wait until all are served, and return their names."""
    kinds = definitions(file.read_text())
    names = [str(kind["metadata"]["name"]) for kind in kinds]
    with probe_runner.api(kubeconfig) as connection:
        resource = _resource(connection)
        for kind in kinds:
            kind.pop("status", None)
            resource.server_side_apply(
                body=kind,
                name=kind["metadata"]["name"],
                field_manager=MANAGER,
                force_conflicts=True,
            )
    probe_runner.await_all(kubeconfig, [established(name).data() for name in names])
    return names


def present(kubeconfig: str, names: Iterable[str]) -> bool:
    """Say whether all the named kinds are there."""
    with probe_runner.api(kubeconfig) as connection:
        there = {kind.metadata.name for kind in _resource(connection).get().items}
    return set(names) <= there


def remove(kubeconfig: str, names: Iterable[str]) -> None:
    """Delete kinds, with all objects of them, and wait until they are gone."""
    with probe_runner.api(kubeconfig) as connection:
        resource = _resource(connection)
        left = set(names)
        end = time.monotonic() + GONE
        while left and time.monotonic() < end:
            for name in sorted(left):
                try:
                    resource.delete(name=name)
                except NotFoundError:
                    left.discard(name)
            if left:
                time.sleep(1)


def _resource(connection: Any) -> Any:
    client = DynamicClient(connection)
    return client.resources.get(
        api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition"
    )
