"""The root file system of a node: which of a distribution's files, and which of ours. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools import paths

VERSION = "v1.37.0"
FILES = paths.REPO / "tools" / "node"
HELPER = "kube-proxy"
"""Image with a shell, in which local-path-provisioner makes and removes directories."""

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


@dataclass(frozen=True)
class Parts:
    """What a node image is made of.

    ``rootfs`` is a tar of the Debian root file system, ``programs`` maps names to executables,
    ``archives`` and ``refs`` map the names of images to archives and to the references that they
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
    if name.endswith("/"):
        return True
    if name.startswith(_DROPPED):
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
            with path.open("rb") as program:
                tar.addfile(member, program)
        for name, content in own.items():
            member = tarfile.TarInfo(name)
            runs = content.startswith(b"#!")
            member.mode, member.size = 0o755 if runs else 0o644, len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, place in _LINKS.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, place
            tar.addfile(member)
