"""Archives that depend on their content alone: layers, trees and whole images.

Same content, same bytes: members are sorted, times are 0, owners are numbers. Images are written in
the format of ``docker save``, which both Docker and containerd import; no engine is needed.
Source of the format: the image specification v1.2 of Moby (``manifest.json``, a configuration
named by its SHA-256, layers named by theirs).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Entry:
    """One member of a layer: a directory (no content), a file (bytes or a path) or a link."""

    path: str
    mode: int = 0o755
    content: bytes | Path | None = None
    link: str | None = None
    uid: int = 0
    gid: int = 0


def write_layer(target: Path, entries: Iterable[Entry]) -> None:
    """Write a layer of the given members, with every parent directory that they imply."""
    wanted = {entry.path.strip("/"): entry for entry in entries}
    for path in list(wanted):
        for parent in list(Path(path).parents)[:-1]:
            wanted.setdefault(str(parent), Entry(str(parent)))
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(wanted, key=lambda p: p.split("/")):
            entry = wanted[path]
            info = tarfile.TarInfo(path)
            info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
            if entry.link is not None:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
                tar.addfile(info)
            elif entry.content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif isinstance(entry.content, bytes):
                info.size = len(entry.content)
                tar.addfile(info, io.BytesIO(entry.content))
            else:
                info.size = entry.content.stat().st_size
                with entry.content.open("rb") as source:
                    tar.addfile(info, source)


def write_tree(
    target: Path,
    root: Path,
    *,
    only: Iterable[str] | None = None,
    gone: Iterable[str] = (),
    owner: tuple[int, int] | None = None,
) -> None:
    """Write the files below ``root`` as a layer.

    ``only`` limits it to these relative paths, ``gone`` are paths that the layer removes from the
    one below (written as whiteouts), ``owner`` overrides user and group. Sockets are left out.
    """
    paths = {*(only if only is not None else walk(root))}
    whiteouts = {str(Path(path).parent / f".wh.{Path(path).name}") for path in gone}
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(paths | whiteouts, key=lambda p: p.split("/")):
            if path in whiteouts:
                tar.addfile(tarfile.TarInfo(path))
                continue
            if stat.S_ISSOCK((root / path).lstat().st_mode):
                continue
            info = tar.gettarinfo(str(root / path), path)
            info.mtime, info.uname, info.gname = 0, "", ""
            if owner:
                info.uid, info.gid = owner
            if info.isreg():
                with (root / path).open("rb") as source:
                    tar.addfile(info, source)
            else:
                tar.addfile(info)


def walk(root: Path) -> Iterator[str]:
    """Yield the relative path of everything below ``root``, links not followed."""
    with os.scandir(root) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        yield entry.name
        if entry.is_dir(follow_symlinks=False):
            for inner in walk(Path(entry.path)):
                yield f"{entry.name}/{inner}"


def snapshot(root: Path) -> dict[str, tuple[int, ...]]:
    """Return what tells that a file has changed: kind and mode, owner, size, time of change.

    The size and time of a directory say nothing about itself and are left out.
    """
    seen: dict[str, tuple[int, ...]] = {}
    for path in walk(root):
        found = (root / path).lstat()
        if stat.S_ISDIR(found.st_mode):
            seen[path] = (found.st_mode, found.st_uid, found.st_gid)
        else:
            size, time = found.st_size, found.st_mtime_ns
            seen[path] = (found.st_mode, found.st_uid, found.st_gid, size, time)
    return seen


def difference(
    before: Mapping[str, tuple[int, ...]], after: Mapping[str, tuple[int, ...]]
) -> tuple[list[str], list[str]]:
    """Return the paths that are new or changed, with their parents, and the paths that are gone.

    Of a directory that is gone only itself is named: a whiteout takes all that is below.
    """
    changed = {path for path, signature in after.items() if before.get(path) != signature}
    for path in list(changed):
        changed.update(str(parent) for parent in list(Path(path).parents)[:-1])
    lost = before.keys() - after.keys()
    gone = [path for path in sorted(lost) if str(Path(path).parent) not in lost]
    return sorted(changed), gone


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def write_image(
    target: Path, ref: str, config: Mapping[str, object], layers: Sequence[Path], arch: str
) -> str:
    """Write an image of ``docker save``'s format and return its id (``sha256:…``).

    ``config`` is the container configuration (``User``, ``Entrypoint``, ``Env`` …); ``arch`` is
    Go's name of the machine (amd64, arm64).
    """
    digests = [digest(layer) for layer in layers]
    document = json.dumps(
        {
            "architecture": arch,
            "config": dict(config),
            "created": _EPOCH,
            "history": [{"created": _EPOCH, "created_by": "cnai"} for _ in digests],
            "os": "linux",
            "rootfs": {"diff_ids": [f"sha256:{d}" for d in digests], "type": "layers"},
        },
        sort_keys=True,
    ).encode()
    identity = hashlib.sha256(document).hexdigest()
    manifest = [
        {
            "Config": f"{identity}.json",
            "Layers": [f"{d}/layer.tar" for d in digests],
            "RepoTags": [ref],
        }
    ]
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in (
            ("manifest.json", json.dumps(manifest).encode()),
            (f"{identity}.json", document),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, layer in dict(zip(digests, layers, strict=True)).items():
            info = tarfile.TarInfo(f"{name}/layer.tar")
            info.size = layer.stat().st_size
            with layer.open("rb") as source:
                tar.addfile(info, source)
    return f"sha256:{identity}"


def image_id(archive: Path) -> str:
    """Return the id (``sha256:…``) of an image that :func:`write_image` wrote."""
    with tarfile.open(archive) as tar:
        first = tar.next()
        content = tar.extractfile(first) if first else None
        if content is None:
            raise ValueError(f"{archive} is not an image archive")
        manifest = json.load(content)
    return f"sha256:{manifest[0]['Config'].removesuffix('.json')}"
