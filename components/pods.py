"""Pieces of pod specifications that every addon shares: the restricted Pod Security Standard."""

from __future__ import annotations

import hashlib
from typing import Any

from components.labels import DOMAIN, managed


def pod_security(user: int) -> dict[str, Any]:
    """Return the security context of a pod that runs as the numeric user, never as root."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security(*, read_only: bool = True) -> dict[str, Any]:
    """Return the security context of a container with no privilege and no capability."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": read_only,
        "capabilities": {"drop": ["ALL"]},
    }


def resources(cpu: str, memory: str, limit: str | None = None) -> dict[str, Any]:
    """Request cpu and memory; memory is limited (to ``limit`` if given), cpu is not."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit or memory}}


def versioned(*texts: str) -> dict[str, str]:
    """Annotate a pod template with a hash of its configuration, so that a change rolls the pods."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    return {f"{DOMAIN}/configuration": digest}


def job(  # noqa: PLR0913
    addon: str,
    namespace: str,
    name: str,
    *,
    image: str,
    command: list[str],
    user: int,
    env: list[dict[str, Any]] | None = None,
    env_from: list[dict[str, Any]] | None = None,
    labels: dict[str, str] | None = None,
    cpu: str = "10m",
    memory: str = "64Mi",
) -> dict[str, Any]:
    """Return a Job that runs one command to its end and is tried again when it fails."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**managed(addon), **(labels or {})},
        },
        "spec": {
            "backoffLimit": 20,
            "template": {
                "metadata": {"labels": managed(addon, name)},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "automountServiceAccountToken": False,
                    "securityContext": pod_security(user),
                    "containers": [
                        {
                            "name": "main",
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "command": command,
                            "env": env or [],
                            "envFrom": env_from or [],
                            "securityContext": container_security(),
                            "resources": resources(cpu, memory),
                            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                        }
                    ],
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    }
