"""What kind is told, by where the node image comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tools.kind_config import MARK, init_patch, kind_config, kubelet_patch
from tools.supply import Mode


def config(**changes: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "workers": 2,
        "ports": {5050: 30501, 4040: 30500},
        "mount": Path("/home/u/.cnai/nodes/kind"),
        "mode": Mode.SOURCE,
        "image": "cnai/node:1",
        "labels": {"cnai.dev/pool": "workers"},
    }
    return kind_config("cnai-kind", **{**wanted, **changes})


def test_one_control_plane_and_its_workers() -> None:
    nodes = config(workers=3)["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker", "worker"]
    assert {node["image"] for node in nodes} == {"cnai/node:1"}
    assert [node["role"] for node in config(workers=0)["nodes"]] == ["control-plane"]


def test_every_node_bears_the_mark() -> None:
    for node in config()["nodes"]:
        assert node["extraMounts"] == [
            {"hostPath": "/home/u/.cnai/nodes/kind", "containerPath": MARK}
        ]


def test_ports_reach_the_control_plane_from_this_machine_only() -> None:
    first, *workers = config()["nodes"]
    mapped = [(p["hostPort"], p["containerPort"]) for p in first["extraPortMappings"]]
    assert mapped == [(4040, 30500), (5050, 30501)]
    assert {p["listenAddress"] for p in first["extraPortMappings"]} == {"127.0.0.1"}
    assert not any("extraPortMappings" in worker for worker in workers)


def test_labels_are_the_workers() -> None:
    first, *workers = config()["nodes"]
    assert "labels" not in first
    assert all(worker["labels"] == {"cnai.dev/pool": "workers"} for worker in workers)


def test_a_patch_is_yaml_of_what_it_says() -> None:
    told = [yaml.safe_load(patch) for patch in config()["kubeadmConfigPatches"]]
    assert told == [kubelet_patch(Mode.SOURCE), init_patch()]


def test_upstream_nodes_are_left_as_they_are_made() -> None:
    assert "cgroupDriver" not in kubelet_patch(Mode.UPSTREAM)
    assert "kubeProxyMode" not in config(mode=Mode.UPSTREAM)["networking"]
    assert config()["networking"]["kubeProxyMode"] == "nftables"


def test_both_run_on_old_control_groups_and_see_secrets_soon() -> None:
    for mode in (Mode.SOURCE, Mode.UPSTREAM):
        patch = kubelet_patch(mode)
        assert patch["failCgroupV1"] is False
        assert patch["syncFrequency"] == "5s"
