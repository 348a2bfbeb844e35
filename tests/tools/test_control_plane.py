from __future__ import annotations

import json
from pathlib import Path

from tools.control_plane import FOLDER, patches, write


def test_every_part_of_the_control_plane_asks_for_less_than_kubeadm_would(tmp_path: Path) -> None:
    write(tmp_path)
    written = {p.name: json.loads(p.read_text()) for p in (tmp_path / FOLDER).iterdir()}
    assert written == patches()
    asked = [
        container["resources"]["requests"]["cpu"]
        for name, patch in written.items()
        if not name.startswith("coredns")
        for container in patch["spec"]["containers"]
    ]
    assert sum(int(cores.removesuffix("m")) for cores in asked) <= 200


def test_a_patch_names_its_target_the_way_that_kubeadm_reads() -> None:
    targets = {name.split("0+")[0] for name in patches()}
    assert targets == {
        "corednsdeployment",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    }
