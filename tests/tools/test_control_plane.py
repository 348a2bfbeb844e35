from __future__ import annotations

import json
import re
from pathlib import Path

from tools.control_plane import FOLDER, patches, write


def test_every_part_of_the_control_plane_asks_for_less_than_kubeadm_would(tmp_path: Path) -> None:
    write(tmp_path)
    written = {p.name: json.loads(p.read_text()) for p in (tmp_path / FOLDER).iterdir()}
    assert written == patches()
    asked = [
        container["resources"]["requests"]["cpu"]
        for name, patch in written.items()
        if "+strategic" in name and not name.startswith("coredns")
        for container in patch["spec"]["containers"]
    ]
    assert sum(int(cores.removesuffix("m")) for cores in asked) <= 200


def test_a_patch_names_its_target_the_way_that_kubeadm_reads() -> None:
    targets = {re.split(r"[0-9]\+", name)[0] for name in patches()}
    assert targets == {
        "corednsdeployment",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    }


def test_the_controllers_may_ask_more_often_than_by_default() -> None:
    added = patches()["kube-controller-manager1+json.json"]
    assert {change["value"] for change in added} == {"--kube-api-qps=100", "--kube-api-burst=200"}
    assert {(change["op"], change["path"]) for change in added} == {
        ("add", "/spec/containers/0/command/-")
    }
