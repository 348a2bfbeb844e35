"""Programs from upstream releases, each checked against the checksums that its publisher posts."""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from tools.builder import no_network
from tools.catalog import Release
from tools.errors import Problem, ProblemError
from tools.graph import Target, Workplace

_RECIPE = 1
_SECONDS = 60
_REFUSED = 400
_HASHES = {64: "sha256", 128: "sha512"}


def reachable(url: str, seconds: float = 3.0) -> bool:
    """Tell whether a HEAD of ``url`` is answered in time, by a server that lets us in."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return int(answer.status) < _REFUSED
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except OSError:
        return False


def target(release: Release) -> Target:
    """Return the target that makes a folder with the executables of a release."""
    name = next(iter(release.members))

    def build(at: Workplace) -> None:
        at.out.mkdir()
        fetch(release, at.out)

    return Target(
        name=f"release:{name}",
        place=f"programs/{name}-release-{{key}}",
        recipe={
            "recipe": _RECIPE,
            "url": release.url,
            "checksums": release.checksums,
            "members": dict(release.members),
        },
        build=build,
    )


def fetch(release: Release, folder: Path) -> None:
    """Download a release's file, check it, and write its executables into ``folder``.

    Raises :class:`ProblemError`: CNAI-SUPPLY-002 when a server cannot be reached or has no such
    file, CNAI-SUPPLY-003 when the file is not what its publisher posted.
    """
    name = f"release:{next(iter(release.members))}"
    file = urlsplit(release.url).path.rsplit("/", 1)[-1]
    expected = checksum_of(file, _read(name, release.checksums))
    if expected is None:
        raise ProblemError(_mismatch(name, release, f"{release.checksums} does not name {file}"))
    download = folder / f".{file}"
    found = _download(name, release.url, download, _HASHES[len(expected)])
    if found != expected:
        download.unlink()
        raise ProblemError(_mismatch(name, release, f"expected {expected}, got {found}"))
    for executable, member in release.members.items():
        if member:
            _extract(name, release, member, download, folder / executable)
        else:
            shutil.copyfile(download, folder / executable)
        (folder / executable).chmod(0o755)
    download.unlink()


def checksum_of(file: str, checksums: str) -> str | None:
    """Return the checksum of a file in the text of a checksum file, in lower case, or nothing.

    Such a file holds lines of checksum and name, or one checksum alone.
    """
    for line in checksums.splitlines():
        parts = line.split()
        if not parts or not re.fullmatch(r"[0-9a-fA-F]{64}|[0-9a-fA-F]{128}", parts[0]):
            continue
        if len(parts) == 1 or parts[1].lstrip("*").rsplit("/", 1)[-1] == file:
            return parts[0].lower()
    return None


def _extract(name: str, release: Release, member: str, download: Path, out: Path) -> None:
    with tarfile.open(download) as tar:
        try:
            content = tar.extractfile(member)
        except KeyError:
            content = None
        if content is None:
            raise ProblemError(_mismatch(name, release, f"no file {member} in it"))
        with out.open("wb") as sink:
            shutil.copyfileobj(content, sink)


def _open(name: str, url: str) -> IO[bytes]:
    try:
        answer: IO[bytes] = urllib.request.urlopen(url, timeout=_SECONDS)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise ProblemError(no_network(name, f"{url}: {refusal}")) from refusal
    except OSError as error:
        raise ProblemError(no_network(name, f"{url}: {error}")) from error
    return answer


def _read(name: str, url: str) -> str:
    with _open(name, url) as answer:
        return answer.read().decode()


def _download(name: str, url: str, out: Path, algorithm: str) -> str:
    """Write what is at ``url`` to ``out`` and return its checksum."""
    checksum = hashlib.new(algorithm)
    with _open(name, url) as answer, out.open("wb") as sink:
        while True:
            try:
                block = answer.read(1 << 20)
            except OSError as error:
                raise ProblemError(no_network(name, f"{url}: {error}")) from error
            if not block:
                break
            checksum.update(block)
            sink.write(block)
    return checksum.hexdigest()


def _mismatch(name: str, release: Release, why: str) -> Problem:
    return Problem(
        "CNAI-SUPPLY-003",
        f"{name}: what was downloaded is not what its publisher posted",
        f"{release.url}: {why}",
        "run the same again; when it stays so, a proxy alters downloads or the release has changed:"
        " use `supply: source`, which builds from pinned sources",
    )
