"""Applies, looks for and removes kinds; what :mod:`components.kinds` does at a cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
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
PATIENCE = 10.0
"""Seconds after which no controller is thought to be left that would let objects go."""
MERGE = "application/merge-patch+json"
# PyYAML's own parser takes half a minute for the larger kinds.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    """Delete kinds, with all objects of them, and wait until they are gone.

    Kinds go after their controllers, so nobody is left to take the finalizers off objects that are
    still there: after a while they are taken off here.
    """
    with probe_runner.api(kubeconfig) as connection:
        resource = _resource(connection)
        left = set(names)
        started = time.monotonic()
        while left and time.monotonic() < started + GONE:
            for name in sorted(left):
                try:
                    resource.delete(name=name)
                    if time.monotonic() > started + PATIENCE:
                        _release(connection, resource.get(name=name).to_dict())
                except NotFoundError:
                    left.discard(name)
            if left:
                time.sleep(1)


def _release(connection: Any, kind: Mapping[str, Any]) -> None:
    """Take the finalizers off all objects of a kind that are about to go."""
    spec = kind["spec"]
    version = next(v["name"] for v in spec["versions"] if v["served"])
    base = f"/apis/{spec['group']}/{version}"
    plural = spec["names"]["plural"]
    for item in json.loads(probe_runner.get(connection, f"{base}/{plural}"))["items"]:
        metadata = item["metadata"]
        if not (metadata.get("deletionTimestamp") and metadata.get("finalizers")):
            continue
        space = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        connection.call_api(
            f"{base}{space}/{plural}/{metadata['name']}",
            "PATCH",
            header_params={"Content-Type": MERGE, "Accept": "application/json"},
            body={"metadata": {"finalizers": None}},
            auth_settings=["BearerToken"],
            _preload_content=False,
        )


def _resource(connection: Any) -> Any:
    client = DynamicClient(connection)
    return client.resources.get(
        api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition"
    )
