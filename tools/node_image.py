"""The image of kind's nodes: upstream's by tag, or one made of packages and programs built here.

A node made from source is a Debian root file system with systemd and containerd, the Kubernetes
programs, the files below ``tools/node``, and the images of the control plane, which lie unpacked in
the image's own layers: nodes share them, and a node's volume gets links to them only. So a node
starts without unpacking or copying anything.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools import debian, paths, supply
from tools.engine import Engine, locked
from tools.errors import Problem, ProblemError
from tools.supply import Mode

VERSION = "v1.37.0"
NODE_IMAGE_REF = f"kindest/node:{VERSION}"
REPOSITORY = "cnai/node"
FILES = paths.REPO / "tools" / "node"

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "nftables",
    "ipset",
    "conntrack",
    "iproute2",
    "ethtool",
    "socat",
    "mount",
    "util-linux",
    "kmod",
    "procps",
    "hostname",
    "ca-certificates",
)
"""Of Debian, beyond its minimal base: what kubelet, kubeadm, kind and the entrypoint call."""

PROGRAMS = ("kubeadm", "kubelet", "kubectl", "crictl")
IMAGES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "etcd",
    "coredns",
    "pause",
    "kube-router",
    "local-path-provisioner",
)
HELPER = "kube-proxy"
"""Image with a shell, in which local-path-provisioner makes and removes directories."""

PINNED = "io.cri-containerd.pinned=pinned"
"""Label without which the kubelet deletes preloaded images when a disk gets full."""

_DROPPED = (
    "usr/share/doc/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/zoneinfo/",
    "usr/share/bash-completion/",
    "usr/lib/x86_64-linux-gnu/gconv/",
    "usr/lib/aarch64-linux-gnu/gconv/",
    "var/cache/",
    "var/lib/apt/",
    "var/log/",
    "dev/",
    "proc/",
    "sys/",
    "run/",
    "tmp/",
)
_DROPPED_PROGRAMS = frozenset({"usr/bin/containerd-shim", "usr/bin/containerd-shim-runc-v1"})
_STARTED = frozenset(
    {
        "systemd-journald.service",
        "systemd-journald.socket",
        "systemd-journald-dev-log.socket",
        "systemd-tmpfiles-setup.service",
    }
)
"""Units of the distribution that start; every other one has no work in a container."""

_LINKS = {
    "etc/systemd/system/default.target": "/lib/systemd/system/multi-user.target",
    "etc/systemd/system/multi-user.target.wants/containerd.service": "../containerd.service",
    "etc/systemd/system/multi-user.target.wants/kubelet.service": "../kubelet.service",
    "etc/systemd/system/multi-user.target.wants/pod-network.path": "../pod-network.path",
}
_HALF_MADE = "-base"
_STORE = "/var/lib/containerd"
_SHARED = "/kind/containerd"


@dataclass(frozen=True)
class Parts:
    """What a node image is made of.

    ``rootfs`` is a tar of the Debian root file system, ``programs`` maps names to executables,
    ``archives`` and ``refs`` map the names in IMAGES to archives and to the references that they
    carry.
    """

    rootfs: Path
    programs: Mapping[str, Path]
    archives: Mapping[str, Path]
    refs: Mapping[str, str]


def kept(name: str) -> bool:
    """Tell whether a path of the distribution's root file system goes into the image.

    Directories end in a slash; they are kept even where what they hold is not.
    """
    if name in _DROPPED_PROGRAMS or (name.startswith(_DROPPED) and not name.endswith("/")):
        return False
    directory, _, unit = name.rpartition("/")
    wanted = "systemd/system/" in f"{directory}/" and directory.endswith(".wants")
    return not wanted or unit in _STARTED


def files(refs: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of ``tools/node`` by their path in the image, image references filled in."""
    filled = {**refs, "helper": refs[HELPER]}
    found: dict[str, bytes] = {}
    for path in sorted(p for p in FILES.rglob("*") if p.is_file()):
        text = path.read_text(encoding="utf-8")
        for name, ref in filled.items():
            text = text.replace("{{" + name + "}}", ref)
        found[str(path.relative_to(FILES))] = text.encode()
    found["kind/version"] = f"{VERSION}\n".encode()
    return found


def key(parts: Parts) -> str:
    """Return a hash of everything that the image depends on.

    What lies in the cache is content-addressed, so its place says enough; nothing large is read.
    """
    seen = hashlib.sha256(Path(__file__).read_bytes())
    for name, content in sorted(files(parts.refs).items()):
        seen.update(f"{name}\0{len(content)}\0".encode() + content)
    for name, ref in sorted(parts.refs.items()):
        seen.update(f"{name}={ref}\0".encode())
    inputs = {"rootfs": parts.rootfs, **parts.programs, **parts.archives}
    for name, path in sorted(inputs.items()):
        place = f"{path.parent.name}/{path.name}"
        seen.update(f"{name}={place}:{path.stat().st_size}\0".encode())
    return seen.hexdigest()[:16]


def build(engine: Engine, mode: Mode) -> str:
    """Return the reference of the image that kind's nodes are made of.

    From upstream it is the published one, which kind pulls; from source it is built from what the
    cache has, and what is missing there is built first. The second call costs less than a second.
    Raises CNAI-SUPPLY-0xx, CNAI-HOST-007 and CNAI-HOST-008.
    """
    if supply.resolve(mode) is Mode.UPSTREAM:
        return NODE_IMAGE_REF
    supply.ensure(["node-image"], Mode.SOURCE)
    images = {name: supply.image(name, Mode.SOURCE) for name in IMAGES}
    parts = Parts(
        rootfs=debian.rootfs(PACKAGES),
        programs={name: supply.program(name, Mode.SOURCE) for name in PROGRAMS},
        archives={name: image.archive for name, image in images.items() if image.archive},
        refs={name: image.ref for name, image in images.items()},
    )
    return assemble(engine, parts)


def assemble(engine: Engine, parts: Parts) -> str:
    """Return the reference of the node image made of ``parts``, building it where it is missing.

    Raises CNAI-HOST-007 when the engine fails and CNAI-HOST-008 when containerd does not start in
    the half-made node. A killed build leaves nothing that the next one trips over.
    """
    ref = f"{REPOSITORY}:{key(parts)}"
    if engine.run("image", "ls", "--quiet", ref).strip():
        return ref
    with locked(paths.cache() / "engine" / "node.lock"):
        if not engine.run("image", "ls", "--quiet", ref).strip():
            _sweep(engine)
            _build(engine, parts, ref)
    return ref


def _build(engine: Engine, parts: Parts, ref: str) -> None:
    base = f"{ref}{_HALF_MADE}"
    with engine.feed("import", "-", base) as pipe:
        write_root(pipe, parts)
    with _container(engine, base) as container:
        _preload(engine, container, parts)
        engine.run(
            "commit",
            *("--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint"]'),
            *("--change", 'CMD ["/sbin/init"]'),
            container,
            ref,
        )
    _sweep(engine)


def _sweep(engine: Engine) -> None:
    """Remove what builds that were killed left in the engine."""
    listed = engine.run("ps", "--all", "--format", "{{.Names}} {{.Image}}").splitlines()
    for name, image in (line.split() for line in listed):
        if image.startswith(f"{REPOSITORY}:") and image.endswith(_HALF_MADE):
            engine.run("rm", "--force", "--volumes", name)
    tags = engine.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY)
    for tag in tags.split():
        if tag.endswith(_HALF_MADE):
            engine.run("image", "rm", tag)


def write_root(target: IO[bytes], parts: Parts) -> None:
    """Write the root file system of a node as a tar stream."""
    own = files(parts.refs)
    replaced = {*own, *_LINKS, *(f"usr/bin/{name}" for name in parts.programs)}
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        with tarfile.open(parts.rootfs) as source:
            for member in source:
                name = member.name.removeprefix("./")
                if name not in replaced and kept(f"{name}/" if member.isdir() else name):
                    tar.addfile(member, source.extractfile(member) if member.isreg() else None)
        for name, path in sorted(parts.programs.items()):
            member = tarfile.TarInfo(f"usr/bin/{name}")
            member.mode, member.size = 0o755, path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)
        for name, content in own.items():
            member = tarfile.TarInfo(name)
            runs = content.startswith(b"#!")
            member.mode, member.size = 0o755 if runs else 0o644, len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, place in _LINKS.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, place
            tar.addfile(member)


@contextmanager
def _container(engine: Engine, base: str) -> Iterator[str]:
    """Yield a container of the half-made image with a volume for containerd at ``/build``."""
    name = base.replace("/", "-").replace(":", "-")
    # The signal and the variable tell systemd how it is stopped and where it runs; the image
    # inherits both from the container.
    engine.run(
        *("run", "--detach", "--privileged", "--network=none", "--name", name),
        *("--volume", "/build", "--tmpfs", "/run", "--tmpfs", "/tmp"),
        *("--stop-signal", "SIGRTMIN+3", "--env", "container=docker"),
        *(base, "sleep", "infinity"),
    )
    try:
        yield name
    finally:
        engine.run("rm", "--force", "--volumes", name)


def _preload(engine: Engine, container: str, parts: Parts) -> None:
    """Import the images with the node's own containerd and lay its store into the image."""
    socket = "/run/build/containerd.sock"
    ctr = ("ctr", "--address", socket, "--namespace", "k8s.io")
    engine.run(
        *("exec", "--detach", container, "containerd", "--config", "/etc/containerd/config.toml"),
        *("--root", "/build", "--state", "/run/build", "--address", socket),
    )
    _wait(engine, container, *ctr, "version")
    for name, archive in parts.archives.items():
        engine.run("exec", "--interactive", container, *ctr, "images", "import", "-", stdin=archive)
        engine.run("exec", container, *ctr, "images", "label", parts.refs[name], PINNED)
    engine.run("exec", container, "sh", "-euc", _LAY_DOWN)


def _wait(engine: Engine, container: str, *command: str, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            engine.run("exec", container, *command)
        except ProblemError as error:
            if time.monotonic() > until:
                raise ProblemError(
                    Problem(
                        "CNAI-HOST-008",
                        "containerd does not start in the node image that is being built",
                        error.problems[0].why,
                        "cnai doctor",
                    )
                ) from error
            time.sleep(0.1)
        else:
            return


# The archives of layers are of no use once these are unpacked. What is left becomes files of the
# image, with links to the large ones in the store: kind keeps /var in a volume, and the engine
# copies into that what the image has there, for every node.
_LAY_DOWN = f"""
ctr="ctr --address /run/build/containerd.sock --namespace k8s.io"
for layer in $($ctr content ls | awk '/containerd.io.uncompressed/ {{print $1}}'); do
  $ctr content rm "$layer" >/dev/null
done
pkill --exact containerd
while pgrep --exact containerd >/dev/null; do sleep 0.05; done
mkdir -p {_SHARED} {_STORE}
cp -a /build/io.containerd.snapshotter.v1.overlayfs/snapshots {_SHARED}/
rm -rf /build/io.containerd.snapshotter.v1.overlayfs/snapshots/*
cp -a /build/. {_STORE}/
for layer in {_SHARED}/snapshots/*; do
  ln -s "$layer" {_STORE}/io.containerd.snapshotter.v1.overlayfs/snapshots/
done
"""
