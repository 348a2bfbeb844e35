"""What a laptop's control plane asks for, and how fast its controllers may ask the API server.

kubeadm's requests are those of a whole machine, its rates those of a small cluster.

kubeadm reads the files as patches when it makes the control plane (``patches.directory``). One of
them lets the API server read policies from its own disk, which nobody can change through itself.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tools.paths import REPO

FOLDER, GUARDS = "patches", "admission"
STATIC = REPO / "policies" / "static"
"""What the API server is told of admission; it names the place at which it sees the folder."""
SEEN, CONFIG = "/etc/kubernetes/cnai", "admission.yaml"
REQUESTS = {
    "kube-apiserver": "100m",
    "kube-controller-manager": "25m",
    "kube-scheduler": "25m",
    "etcd": "50m",
}
"""Cores that each part asks for; kubeadm's own values are 250m, 200m, 100m and 100m."""
CONTROLLERS = {"kube-api-qps": 100, "kube-api-burst": 200}
"""Requests a second of each controller; at the default of 20 no more than two or three jobs end in
a second, however many queues there are."""
DNS = "20m"
"""Cores that each of the two pods of CoreDNS asks for; kubeadm's own value is 100m."""


def patches(node: str) -> dict[str, Any]:
    """Return the patches by the name of the file that kubeadm takes them from.

    ``node`` is where a node has the folder that they are written to.
    """
    found: dict[str, Any] = {
        f"{part}0+strategic.json": {"spec": _asks(part, cores)} for part, cores in REQUESTS.items()
    }
    pods = {"template": {"spec": _asks("coredns", DNS)}}
    flags = [
        {"op": "add", "path": "/spec/containers/0/command/-", "value": f"--{flag}={value}"}
        for flag, value in CONTROLLERS.items()
    ]
    return {
        **found,
        "corednsdeployment0+strategic.json": {"spec": pods},
        "kube-controller-manager1+json.json": flags,
        "kube-apiserver1+json.json": _reads(f"{node}/{GUARDS}"),
    }


def _reads(folder: str) -> list[dict[str, Any]]:
    name, container = "cnai-admission", "/spec/containers/0"
    added = {
        "/spec/volumes/-": {"name": name, "hostPath": {"path": folder, "type": "Directory"}},
        f"{container}/volumeMounts/-": {"name": name, "mountPath": SEEN, "readOnly": True},
        f"{container}/command/-": f"--admission-control-config-file={SEEN}/{CONFIG}",
    }
    return [{"op": "add", "path": path, "value": value} for path, value in added.items()]


def _asks(container: str, cores: str) -> dict[str, Any]:
    resources = {"requests": {"cpu": cores}}
    return {"containers": [{"name": container, "resources": resources}]}


def write(folder: Path, node: str) -> None:
    """Write patches and policies below a folder, which every node sees at ``node``."""
    shutil.copytree(STATIC, folder / GUARDS, dirs_exist_ok=True)
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    for name, patch in patches(node).items():
        (place / name).write_text(json.dumps(patch))
