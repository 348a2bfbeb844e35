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
    return [
        {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, "rules": list(rules)},
        bound(kind, metadata["name"], metadata, name, namespace),
    ]


def bound(role_kind: str, role_name: str, metadata: Manifest, name: str, space: str) -> Manifest:
    """Return what gives an account a role that is there, one of Kubernetes' own among them."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": f"{role_kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role_name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": space}],
    }


def allow(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Manifest:
    """Return one rule."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
