"""The image of kind's nodes: upstream's by tag, or one made of packages and programs built here.

A node made from source is a Debian root file system with systemd and containerd, the Kubernetes
programs, the files below ``tools/node``, and the images of the control plane, which lie unpacked in
the image's own layers: nodes share them, and a node's volume gets links to them only. So a node
starts without unpacking or copying anything.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools import debian, node_root, paths, supply
from tools.engine import Engine, locked
from tools.errors import Problem, ProblemError
from tools.node_root import VERSION, Parts, files, write_root
from tools.supply import Mode

__all__ = ["NODE_IMAGE_REF", "VERSION", "assemble", "build"]

NODE_IMAGE_REF = f"kindest/node:{VERSION}"
REPOSITORY = "cnai/node"

PACKAGES = (
    "systemd",
    "systemd-sysv",
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

PROGRAMS = (
    "containerd",
    "containerd-shim-runc-v2",
    "crictl",
    "ctr",
    "kubeadm",
    "kubectl",
    "kubelet",
)
"""Built here. The distribution's containerd is too old to give devices to containers (CDI)."""
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
PINNED = "io.cri-containerd.pinned=pinned"
"""Label that keeps the kubelet from deleting what a node cannot be without when a disk is full."""

_HALF_MADE = "-base"
_STORE = "/var/lib/containerd"
_SHARED = "/kind/containerd"


def key(parts: Parts) -> str:
    """Return a hash of everything that the image depends on.

    What lies in the cache is content-addressed, so its place says enough; nothing large is read.
    """
    seen = hashlib.sha256()
    for source in (Path(__file__), Path(node_root.__file__)):
        seen.update(source.read_bytes())
    for name, content in sorted(files(parts.refs).items()):
        seen.update(f"{name}\0{len(content)}\0".encode() + content)
    for name, ref in sorted(parts.refs.items()):
        seen.update(f"{name}={ref}\0".encode())
    inputs = {"rootfs": parts.rootfs, **parts.programs, **parts.archives}
    for name, path in sorted(inputs.items()):
        place = f"{path.parent.name}/{path.name}"
        seen.update(f"{name}={place}:{path.stat().st_size}\0".encode())
    return seen.hexdigest()[:16]


def build(engine: Engine, mode: Mode, preload: Iterable[str] = ()) -> str:
    """Return the reference of the image that kind's nodes are made of.

    From upstream it is the published one, which kind pulls; from source it is built from what the
    cache has, and what is missing there is built first. The images of the catalogue that are named
    in ``preload`` come with it, unpacked: no node has to load them, and all share one copy. They
    are of no effect upstream, where nodes pull. A second call costs less than a second. Raises
    CNAI-SUPPLY-0xx, CNAI-HOST-007 and CNAI-HOST-008.
    """
    if supply.resolve(mode) is Mode.UPSTREAM:
        return NODE_IMAGE_REF
    names = (*IMAGES, *sorted({*preload} - {*IMAGES}))
    supply.ensure(["node-image", *(f"image:{name}" for name in names)], Mode.SOURCE)
    images = {name: supply.image(name, Mode.SOURCE) for name in names}
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
            _sweep(engine, ref)
            _build(engine, parts, ref)
            _sweep(engine, ref)
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


def _sweep(engine: Engine, keep: str) -> None:
    """Remove what killed builds left in the engine, and node images that no node uses any more."""
    listed = engine.run("ps", "--all", "--format", "{{.Names}} {{.Image}}").splitlines()
    for name, image in (line.split() for line in listed):
        if image.startswith(f"{REPOSITORY}:") and image.endswith(_HALF_MADE):
            engine.run("rm", "--force", "--volumes", name)
    tags = engine.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY)
    for tag in tags.split():
        if tag != keep:
            # The engine refuses to remove an image that a container was made of.
            with suppress(ProblemError):
                engine.run("image", "rm", tag)


@contextmanager
def _container(engine: Engine, base: str) -> Iterator[str]:
    """Yield a container of the half-made image with a volume for containerd at ``/mnt``."""
    name = base.replace("/", "-").replace(":", "-")
    # The signal and the variable tell systemd how it is stopped and where it runs; the image
    # inherits both from the container.
    engine.run(
        *("run", "--detach", "--privileged", "--network=none", "--name", name),
        # A volume given as a mount, unlike one by --volume, does not become part of the image.
        *("--mount", "type=volume,destination=/mnt", "--tmpfs", "/run", "--tmpfs", "/tmp"),
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
        *("--root", "/mnt", "--state", "/run/build", "--address", socket),
    )
    _wait(engine, container, *ctr, "version")
    for name, archive in parts.archives.items():
        take = (*ctr, "images", "import", "--local", "-")
        engine.run("exec", "--interactive", container, *take, stdin=archive)
        if name in IMAGES:
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


# The archives of layers are of no use once these are unpacked: containerd forgets them, and their
# files go (it would collect them by and by). What is left becomes files of the image, with links to
# the large ones in the store: kind keeps /var in a volume, and the engine copies into that what the
# image has there, for every node. A layer that hides files of the one below cannot lie in an image
# (what hides is a device that an image's own file system understands as its own): it is packed, and
# the entrypoint unpacks it into the volume.
_LAY_DOWN = f"""
ctr="ctr --address /run/build/containerd.sock --namespace k8s.io"
layers=$($ctr content ls | awk '/containerd.io.uncompressed/ {{print $1}}')
for layer in $layers; do
  $ctr content rm "$layer" >/dev/null
done
pkill --exact containerd
while pgrep --exact containerd >/dev/null; do sleep 0.05; done
for layer in $layers; do
  rm -f "/mnt/io.containerd.content.v1.content/blobs/sha256/${{layer#sha256:}}"
done
snapshots=io.containerd.snapshotter.v1.overlayfs/snapshots
mkdir -p {_SHARED}/snapshots {_SHARED}/packed {_STORE}/$snapshots
for layer in /mnt/$snapshots/*; do
  name=${{layer##*/}}
  if [ -n "$(find "$layer" -type c -print -quit)" ]; then
    tar -C /mnt/$snapshots --xattrs --xattrs-include='*' -cf {_SHARED}/packed/$name.tar $name
  else
    cp -a "$layer" {_SHARED}/snapshots/
    ln -s {_SHARED}/snapshots/$name {_STORE}/$snapshots/$name
  fi
done
rm -rf /mnt/$snapshots
cp -a /mnt/. {_STORE}/
"""
