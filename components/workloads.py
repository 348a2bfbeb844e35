"""Workloads that serve: what every Deployment and StatefulSet of an addon has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.labels import managed, selector
from components.pods import pod_security

Manifest = dict[str, Any]
TMP = "tmp"


@dataclass(frozen=True, kw_only=True)
class Server:
    """One container that serves, as the numeric ``user``.

    ``volumes`` maps names to their sources; ``tmp``, at ``/tmp``, is always there, since the root
    file system is read-only. ``annotations`` go to the pods; ``account`` is their ServiceAccount,
    without which they get no token. ``addon`` is named where the server's own name is another.
    """

    name: str
    namespace: str
    user: int
    container: Mapping[str, Any]
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None
    addon: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Labels of all objects that carry the server's name."""
        return managed(self.addon or self.name, self.name)

    @property
    def selector(self) -> dict[str, str]:
        """Return what its pods are found by."""
        return selector(self.addon or self.name, self.name)

    @property
    def metadata(self) -> Manifest:
        """Metadata of all objects that carry the server's name."""
        return {"name": self.name, "namespace": self.namespace, "labels": self.labels}

    def template(self) -> Manifest:
        """Return the template of its pods."""
        metadata: Manifest = {"labels": self.labels}
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        spec: Manifest = {
            "securityContext": pod_security(self.user),
            "containers": [
                {"name": self.name, "imagePullPolicy": "IfNotPresent", **self.container}
            ],
            "volumes": [
                *({"name": name, **source} for name, source in self.volumes.items()),
                {"name": TMP, "emptyDir": {}},
            ],
        }
        if self.account:
            spec["serviceAccountName"] = self.account
        else:
            spec["automountServiceAccountToken"] = False
        return {"metadata": metadata, "spec": spec}

    def deployment(self) -> Manifest:
        """Return it as a Deployment of one replica, which keeps nothing of its own."""
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": self.selector},
                "template": self.template(),
            },
        }

    def stateful(self, *, storage_class: str, storage: str) -> Manifest:
        """Return it as a StatefulSet of one replica with a volume ``data`` of the given size."""
        claim = {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": storage_class,
                "resources": {"requests": {"storage": storage}},
            },
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": self.metadata,
            "spec": {
                "serviceName": self.name,
                "replicas": 1,
                "selector": {"matchLabels": self.selector},
                "template": self.template(),
                "volumeClaimTemplates": [claim],
            },
        }

    def service(self, ports: Sequence[Mapping[str, Any]], *, type_: str | None = None) -> Manifest:
        """Return the Service that gives it an address."""
        spec: Manifest = {"selector": self.selector, "ports": [dict(p) for p in ports]}
        if type_:
            spec["type"] = type_
        return {"apiVersion": "v1", "kind": "Service", "metadata": self.metadata, "spec": spec}

    def config(self, data: Mapping[str, str]) -> Manifest:
        """Return the ConfigMap of its name."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self.metadata,
            "data": dict(data),
        }


def mounts(**paths: str) -> list[dict[str, str]]:
    """Return mounts of volumes by name, ``tmp`` last."""
    return [{"name": name, "mountPath": path} for name, path in {**paths, TMP: "/tmp"}.items()]


def variables(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return environment variables in the form that containers take."""
    return [{"name": name, "value": value} for name, value in values.items()]
