"""What a controller may do: its ServiceAccount, and the roles that are bound to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.labels import managed

Manifest = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"


def account(name: str, namespace: str) -> Manifest:
    """Return the ServiceAccount of an addon."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "labels": managed(name)},
    }


def cluster_role(name: str, namespace: str, rules: Sequence[Manifest]) -> list[Manifest]:
    """Return the rules that hold in the whole cluster for an account, and their binding."""
    metadata = {"name": f"cnai-{name}", "labels": managed(name)}
    return _bound("ClusterRole", metadata, name, namespace, rules)


def role(name: str, namespace: str, rules: Sequence[Manifest]) -> list[Manifest]:
    """Return the rules that hold in the account's own namespace, and their binding."""
    metadata = {"name": name, "namespace": namespace, "labels": managed(name)}
    return _bound("Role", metadata, name, namespace, rules)


def _bound(
    kind: str, metadata: Manifest, name: str, namespace: str, rules: Sequence[Manifest]
) -> list[Manifest]:
    api = f"{GROUP}/v1"
    return [
        {"apiVersion": api, "kind": kind, "metadata": metadata, "rules": list(rules)},
        {
            "apiVersion": api,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": metadata["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def allow(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Manifest:
    """Return one rule."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
