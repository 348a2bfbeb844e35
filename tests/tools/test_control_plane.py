from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from tools.control_plane import CONFIG, FOLDER, GUARDS, SEEN, patches, write

NODE = "/node"


def test_every_part_of_the_control_plane_asks_for_less_than_kubeadm_would(tmp_path: Path) -> None:
    write(tmp_path, NODE)
    written = {p.name: json.loads(p.read_text()) for p in (tmp_path / FOLDER).iterdir()}
    assert written == patches(NODE)
    asked = [
        container["resources"]["requests"]["cpu"]
        for name, patch in written.items()
        if "+strategic" in name and not name.startswith("coredns")
        for container in patch["spec"]["containers"]
    ]
    assert sum(int(cores.removesuffix("m")) for cores in asked) <= 200


def test_a_patch_names_its_target_the_way_that_kubeadm_reads() -> None:
    targets = {re.split(r"[0-9]\+", name)[0] for name in patches(NODE)}
    assert targets == {
        "corednsdeployment",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    }


def test_the_controllers_may_ask_more_often_than_by_default() -> None:
    added = patches(NODE)["kube-controller-manager1+json.json"]
    assert {change["value"] for change in added} == {"--kube-api-qps=100", "--kube-api-burst=200"}
    assert {(change["op"], change["path"]) for change in added} == {
        ("add", "/spec/containers/0/command/-")
    }


def test_the_api_server_reads_policies_from_a_place_that_no_request_reaches(tmp_path: Path) -> None:
    write(tmp_path, NODE)
    volume, mount, command = [c["value"] for c in patches(NODE)["kube-apiserver1+json.json"]]
    assert volume["hostPath"]["path"] == f"{NODE}/{GUARDS}"
    assert (mount["name"], mount["mountPath"]) == (volume["name"], SEEN)
    assert mount["readOnly"]
    flag, place = command.split("=")
    assert flag == "--admission-control-config-file"
    assert place == f"{SEEN}/{CONFIG}"
    told = yaml.safe_load((tmp_path / GUARDS / CONFIG).read_text())
    policies = Path(told["plugins"][0]["configuration"]["staticManifestsDir"])
    assert list((tmp_path / GUARDS / policies.relative_to(SEEN)).glob("*.yaml"))
