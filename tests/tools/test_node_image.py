"""What goes into a node, and that the same parts give the same image."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tools import catalog, node_image, node_root, supply
from tools.node_root import Parts

REFS = {name: supply.image_ref(name) for name in node_image.IMAGES}


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """A root file system of a few files, and programs of a few bytes."""
    content = {
        "usr/bin/bash": b"shell",
        "usr/bin/kubectl": b"the distribution's",
        "usr/share/doc/bash/copyright": b"text",
        "etc/containerd/config.toml": b"the package's",
        "lib/systemd/system/sysinit.target.wants/systemd-journald.service": b"",
        "lib/systemd/system/multi-user.target.wants/getty.target": b"",
        "lib/systemd/system/multi-user.target": b"[Unit]",
    }
    rootfs = tmp_path / "rootfs-1.tar"
    with tarfile.open(rootfs, "w") as tar:
        folder = tarfile.TarInfo("usr/share/doc")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in content.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    programs = {name: tmp_path / f"kubernetes-1/{name}" for name in node_image.PROGRAMS}
    (tmp_path / "kubernetes-1").mkdir()
    for path in programs.values():
        path.write_bytes(b"ours")
    archives = {name: tmp_path / f"{name}-1.tar" for name in node_image.IMAGES}
    for path in archives.values():
        path.write_bytes(b"image")
    return Parts(rootfs, programs, archives, REFS)


@pytest.fixture
def root(parts: Parts) -> dict[str, bytes]:
    """The files of a node made of these parts; links by their target."""
    stream = io.BytesIO()
    node_root.write_root(stream, parts)
    stream.seek(0)
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream) as tar:
        for member in tar:
            assert member.name not in found, "the engine refuses a name that comes twice"
            file = tar.extractfile(member) if member.isreg() else None
            found[member.name.removeprefix("./")] = file.read() if file else b""
    return found


def test_ours_takes_the_place_of_the_distribution(root: dict[str, bytes]) -> None:
    assert root["usr/bin/kubectl"] == b"ours"
    assert root["usr/bin/bash"] == b"shell"
    assert b"restrict_oom_score_adj" in root["etc/containerd/config.toml"]


def test_only_units_with_work_in_a_container_start(root: dict[str, bytes]) -> None:
    started = {name for name in root if ".wants/" in name}
    assert {name.rpartition("/")[2] for name in started} == {
        "systemd-journald.service",
        "containerd.service",
        "kubelet.service",
        "pod-network.path",
    }
    assert "lib/systemd/system/multi-user.target" in root


def test_what_no_program_reads_stays_out(root: dict[str, bytes]) -> None:
    assert "usr/share/doc" in root
    assert "usr/share/doc/bash/copyright" not in root


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("usr/share/locale/de/x.mo", False),
        ("usr/share/locale/", True),
        ("var/lib/dpkg/status", True),
        ("usr/lib/systemd/system/timers.target.wants/fstrim.timer", False),
        ("etc/systemd/system/getty.target.wants/", True),
        ("run/lock", False),
    ],
)
def test_what_is_kept(name: str, kept: bool) -> None:
    assert node_root.kept(name) is kept


def test_scripts_can_run_and_are_sound() -> None:
    scripts = {n: c for n, c in node_root.files(REFS).items() if c.startswith(b"#!/bin/sh")}
    assert {"usr/local/bin/entrypoint", "kind/bin/kubelet-cgroup"} < set(scripts)
    for name, content in scripts.items():
        done = subprocess.run(["sh", "-n"], input=content, capture_output=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr.decode()}"


def test_manifests_name_images_that_the_node_has() -> None:
    manifests = {n: c for n, c in node_root.files(REFS).items() if n.startswith("kind/manifests/")}
    assert set(manifests) == {
        "kind/manifests/default-cni.yaml",
        "kind/manifests/default-storage.yaml",
    }
    seen: set[str] = set()
    for content in manifests.values():
        assert b"{{" not in content
        for document in yaml.safe_load_all(content):
            template = document.get("spec", {}).get("template", {}) if document else {}
            containers = template.get("spec", {}).get("containers", [])
            seen |= {container["image"] for container in containers}
            if helper := document.get("data", {}).get("helperPod.yaml"):
                seen.add(yaml.safe_load(helper)["spec"]["containers"][0]["image"])
    assert seen == {REFS["kube-router"], REFS["local-path-provisioner"], REFS[node_root.HELPER]}


def test_the_default_storage_class_is_there() -> None:
    documents = yaml.safe_load_all(node_root.files(REFS)["kind/manifests/default-storage.yaml"])
    (storage,) = (d for d in documents if d["kind"] == "StorageClass")
    assert storage["metadata"]["name"] == "standard"
    annotation = storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"]
    assert annotation == "true"


def test_containerd_and_kubeadm_mean_the_same_pause_image() -> None:
    assert REFS["pause"].encode() in node_root.files(REFS)["etc/containerd/config.toml"]


def test_the_version_is_that_of_the_programs() -> None:
    assert catalog.load().programs["kubernetes"].version == node_root.VERSION.removeprefix("v")
    assert node_root.files(REFS)["kind/version"] == f"{node_root.VERSION}\n".encode()
    for name in ("kube-apiserver", "kube-proxy", "kube-scheduler", "kube-controller-manager"):
        assert REFS[name].endswith(f":{node_root.VERSION}")


def test_same_parts_same_key(parts: Parts) -> None:
    assert node_image.key(parts) == node_image.key(replace(parts))


@pytest.mark.parametrize("field", ["rootfs", "programs", "archives", "refs"])
def test_another_part_another_key(parts: Parts, tmp_path: Path, field: str) -> None:
    other = tmp_path / "other-2.tar"
    other.write_bytes(b"image")
    changed = {
        "rootfs": other,
        "programs": {**parts.programs, "kubelet": other},
        "archives": {**parts.archives, "etcd": other},
        "refs": {**parts.refs, "etcd": "registry.k8s.io/etcd:4"},
    }
    assert node_image.key(parts) != node_image.key(
        replace(parts, **{field: changed[field]})  # type: ignore[arg-type]
    )


def test_kubeadm_asks_for_no_other_images() -> None:
    """Only where it is built; the journey of a cluster tells the same the hard way."""
    place = supply.places(supply.Mode.SOURCE)["program:kubernetes"] / "kubeadm"
    if not place.exists():
        pytest.skip("kubeadm is not built on this machine")
    asked = subprocess.run(
        [place, "config", "images", "list", "--kubernetes-version", node_root.VERSION],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(asked.stdout.split()) <= set(REFS.values())


def test_the_configuration_of_pods_links_is_json() -> None:
    script = node_root.files(REFS)["kind/bin/pod-network"].decode()
    text = script.split("<<END\n")[1].split("\nEND")[0]
    filled = text.replace("$(cat /sys/class/net/eth0/mtu)", "1500").replace("$range", "10.0.0.0/24")
    assert json.loads(filled)["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.0.0.0/24"}]]
