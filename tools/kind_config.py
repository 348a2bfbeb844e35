"""The configuration of a kind cluster as plain data: what kind reads, and nothing done yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.control_plane import FOLDER
from tools.supply import Mode

MARK = "/var/lib/cnai"
"""Where every node has the directory that says which stack a cluster belongs to."""

LOOPBACK = "127.0.0.1"


def kubelet_patch(mode: Mode) -> dict[str, Any]:
    """Return what the kubelets of a laptop are told beyond kind's own settings.

    They look every five seconds whether a Secret or ConfigMap that a pod mounts has changed (the
    default is a minute, which webhooks that wait for their certificate spend idle), and they run on
    a host that still has version 1 of control groups. A node made from source has no D-Bus, so its
    kubelet makes control groups itself; the name of the driver is the runtime's setting as well.
    """
    patch = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "syncFrequency": "5s",
    }
    if mode is Mode.SOURCE:
        patch["cgroupDriver"] = "cgroupfs"
    return patch


def init_patch() -> dict[str, Any]:
    """Return where kubeadm finds what is changed in the control plane that it makes."""
    return {
        "kind": "InitConfiguration",
        "patches": {"directory": f"{MARK}/{FOLDER}"},
    }


def kind_config(
    name: str,
    *,
    workers: int,
    ports: Mapping[int, int],
    mount: Path,
    mode: Mode,
    image: str,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the configuration of a cluster of one control-plane node and ``workers`` others.

    ``ports`` maps ports of this machine's loopback address to node ports of the cluster, ``mount``
    is a directory of this machine that every node sees at MARK, ``image`` the node image,
    ``labels`` what the workers are labelled with.
    """
    mounts = [{"hostPath": str(mount), "containerPath": MARK}]
    control_plane = {
        "role": "control-plane",
        "image": image,
        "extraMounts": mounts,
        "extraPortMappings": [
            {
                "listenAddress": LOOPBACK,
                "hostPort": host_port,
                "containerPort": node_port,
                "protocol": "TCP",
            }
            for host_port, node_port in sorted(ports.items())
        ],
    }
    worker = {"role": "worker", "image": image, "extraMounts": mounts, "labels": dict(labels or {})}
    networking = {"apiServerAddress": LOOPBACK}
    if mode is Mode.SOURCE:
        # The image of kube-proxy that is built from source brings nft and not the iptables tools.
        networking["kubeProxyMode"] = "nftables"
    return {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        "name": name,
        "networking": networking,
        "kubeadmConfigPatches": [_yaml(kubelet_patch(mode)), _yaml(init_patch())],
        "nodes": [control_plane, *(dict(worker) for _ in range(workers))],
    }


def _yaml(flat: Mapping[str, Any]) -> str:
    """Return flat data as YAML text: kind takes patches as text, and JSON values are YAML."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in flat.items())
