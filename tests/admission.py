"""Objects that twins let through and refuse, and what an API server says of them.

Each document of ``tests/policies/admission/<rule>.{good,bad}.yaml`` is an ``object`` to be made; or
a ``change`` of one that was there ``before`` the guard, by the way of a ``path`` of it if it says
one; or an ``operation: DELETE`` of it. ``as`` says by whom. The server is asked what it would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, DynamicApiError

from components.labels import TENANT
from policies.catalog import Rule, rules
from policies.cel import ADMINISTRATORS
from policies.ground import Ground

CASES = Path(__file__).parent / "policies" / "admission"
STATIC = CASES.with_name("static")
"""The same of what an API server reads from its own disk (policies/static)."""
ACCEPTED = "accepted"
GROUP = "rbac.authorization.k8s.io"
EVERYTHING = "cnai-case:everything"
"""A group that may do everything, and is not the platform."""
GROUND = Ground(
    registries=("registry.test/", "docker.io/library", "ghcr.io/org"),
    production=True,
    platform=("system:serviceaccounts:cert-manager",),
)
"""What the cases of twins go by that depend on an environment."""
ASKING = frozenset({"CNAI-SUP-006"})
"""Rules whose twins ask a registry; what they decide is in tests/live/test_signatures.py."""
GUARDED = tuple(rule for rule in rules() if rule.twin and rule.id not in ASKING)


@dataclass(frozen=True)
class Case:
    """One document: a rule, whether its twin lets it through, and what it says."""

    rule: str
    good: bool
    index: int
    said: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.rule}-{'good' if self.good else 'bad'}-{self.index}"

    @property
    def shown(self) -> dict[str, Any]:
        """The object that it is about, under a name of its own in a namespace."""
        said: dict[str, Any] = self.said.get("before") or self.said["object"]
        name = said["metadata"]["name"]
        return {**said, "metadata": {**said["metadata"], "name": self.name(name)}}

    def name(self, said: str) -> str:
        return str(self).lower() if said == "case" else said


def cases(kept: Iterable[Rule] = GUARDED, folder: Path = CASES) -> Iterator[Case]:
    """Yield every case of rules that a folder has."""
    for rule in kept:
        for good in (True, False):
            file = folder / f"{rule.id}.{'good' if good else 'bad'}.yaml"
            if file.is_file():
                for index, said in enumerate(yaml.safe_load_all(file.read_text())):
                    yield Case(rule.id, good, index, said)


class Court:
    """A namespace in which an API server is asked about cases."""

    def __init__(self, api: DynamicClient, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self._core = client.CoreV1Api(api.client)
        self._roles = client.RbacAuthorizationV1Api(api.client)
        self._there: list[tuple[Any, str, str | None]] = []

    def open(self, heard: Iterable[Case]) -> None:
        """Make what was there before, and only then make the namespace a team's."""
        self._core.create_namespace({"metadata": {"name": self.namespace}})
        self._roles.create_cluster_role_binding(
            {
                "metadata": {"name": self.namespace},
                "roleRef": {
                    "apiGroup": GROUP,
                    "kind": "ClusterRole",
                    "name": "cluster-admin",
                },
                "subjects": [
                    {"apiGroup": GROUP, "kind": "Group", "name": EVERYTHING},
                    {"apiGroup": GROUP, "kind": "Group", "name": ADMINISTRATORS[-1]},
                    *(
                        {"kind": "ServiceAccount", "name": "cnai-case", "namespace": space}
                        for space in ("cert-manager", "kyverno")
                    ),
                ],
            }
        )
        for case in heard:
            if "before" in case.said:
                kind, space = self._kind(case)
                # What is in no namespace may be left from a run that was ended.
                with suppress(ConflictError):
                    kind.create(body=case.shown, namespace=space)
                self._there.append((kind, case.shown["metadata"]["name"], space))
        self._core.patch_namespace(
            self.namespace, {"metadata": {"labels": {TENANT: self.namespace}}}
        )

    def close(self) -> None:
        """Take away what was made."""
        for kind, name, space in self._there:
            if space is None:
                kind.delete(name=name)
        self._roles.delete_cluster_role_binding(self.namespace)
        self._core.delete_namespace(self.namespace)

    def says(self, case: Case) -> str:
        """Return what the server says of what it is shown and does not keep."""
        kind, space = self._kind(case)
        name = case.shown["metadata"]["name"]
        params: dict[str, Any] = {"query_params": [("dryRun", "All")]}
        if who := case.said.get("as"):
            # The groups that all users have, and those of service accounts, come by themselves.
            params["header_params"] = {f"Impersonate-{key}": value for key, value in who.items()}
        path = kind.path(name=name, namespace=space)
        if case.said.get("operation") == "DELETE":
            method, body = "delete", None
        elif "change" in case.said:
            method, body = "patch", case.said["change"]
            params["content_type"] = "application/merge-patch+json"
            path += f"/{case.said['path']}" if "path" in case.said else ""
        else:
            method, body, path = "post", case.shown, kind.path(namespace=space)
        try:
            self.api.request(method, path, body=body, **params)
        except DynamicApiError as error:
            return str(error.body)
        return ACCEPTED

    def _kind(self, case: Case) -> tuple[Any, str | None]:
        shown = case.shown
        kind = self.api.resources.get(api_version=shown["apiVersion"], kind=shown["kind"])
        return kind, self.namespace if kind.namespaced else None
