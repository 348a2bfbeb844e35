"""Applies, looks for and removes kinds; what :mod:`components.kinds` does at a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kubernetes.dynamic import DynamicClient

from components import probe_runner
from components.api_server import ApiServer, RefusedError
from components.probes import established
from tools.errors import Problem, ProblemError

MANAGER = "cnai"
API, KIND = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
GONE = 404
PATIENCE = 10.0
"""Seconds after which objects of a kind wait for nobody any more."""
LONGEST = 120.0
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
    """Delete kinds, with all objects of them, and wait until they are gone.

    What the objects wait for before they go is the controllers, which went first: after a while
    their finalizers are taken off. Raises ProblemError (CNAI-ADDON-006) for what still stays.
    """
    server, left = ApiServer(kubeconfig), set(names)
    begun = time.monotonic()
    while left:
        for name in sorted(left):
            try:
                server.delete(_named(name))
                if time.monotonic() - begun > PATIENCE:
                    release(server, name)
            except RefusedError as error:
                if error.status == GONE:
                    left.discard(name)
        if left and time.monotonic() - begun > LONGEST:
            raise ProblemError(_stays(", ".join(sorted(left))))
        if left:
            time.sleep(1)


def release(server: ApiServer, name: str) -> None:
    """Take the finalizers off all objects of a kind."""
    kind = server.find(API, KIND, name)["spec"]
    stored = next(version["name"] for version in kind["versions"] if version["storage"])
    root = f"/apis/{kind['group']}/{stored}"
    for found in server.get(f"{root}/{kind['names']['plural']}")["items"]:
        metadata = found["metadata"]
        if metadata.get("finalizers"):
            space = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
            server.patch(
                f"{root}{space}/{kind['names']['plural']}/{metadata['name']}",
                {"metadata": {"finalizers": None}},
            )


def _named(name: str) -> dict[str, Any]:
    return {"apiVersion": API, "kind": KIND, "metadata": {"name": name}}


def _stays(names: str) -> Problem:
    return Problem(
        "CNAI-ADDON-006",
        f"kinds do not go: {names}",
        f"they were asked to {LONGEST:.0f} s ago, and objects of them are still there",
        "kubectl get them, see what they wait for, and run the same command again",
        exit_code=9,
    )


def _resource(connection: Any) -> Any:
    client = DynamicClient(connection)
    return client.resources.get(
        api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition"
    )
