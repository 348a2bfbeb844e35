"""The machine's apt, asked without changing it: where Debian packages come from, single packages.

Lists and downloads go to the cache (``Dir::State``, ``Dir::Cache``), the machine's own stay as they
are. Its configuration holds: sources, proxies, credentials, keys.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tools import command, paths
from tools.builder import no_network
from tools.errors import Problem, ProblemError

_FRESH_SECONDS = 24 * 3600
_FIELDS = ("ORIGIN", "LABEL", "CODENAME", "REPO_URI", "CREATED_BY")
_TOOLS = ("apt-get", "apt-config", "dpkg-deb", "wget", "chroot", "unshare", "tar")


@dataclass(frozen=True)
class Mirrors:
    """Addresses of Debian's archive and of its security archive, as apt has them."""

    archive: str
    security: str | None

    def sources(self, suite: str) -> str:
        """Return the text of a sources.list for a suite (bookworm)."""
        lines = [f"deb {self.archive} {suite} main", f"deb {self.archive} {suite}-updates main"]
        if self.security:
            lines.append(f"deb {self.security} {suite}-security main")
        return "\n".join(lines) + "\n"


def check_host() -> None:
    """Raise :class:`ProblemError` unless a Debian system can be made here."""
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    if os.geteuid() == 0 and not missing:
        return
    why = f"not there: {', '.join(missing)}" if missing else "this process is not root"
    raise ProblemError(
        Problem(
            "CNAI-SUPPLY-005",
            "images are built from Debian packages, which this machine cannot do",
            f"it takes root on Debian or Ubuntu, and these programs: {', '.join(_TOOLS)}; {why}",
            "run as root on such a machine, or use `supply: upstream`, which pulls images",
            exit_code=2,
        )
    )


def mirrors() -> Mirrors:
    """Return where this machine gets Debian packages. Raises :class:`ProblemError`."""
    options = ready()
    pattern = "|".join(f"$({field})" for field in _FIELDS)
    listing = command.read(["apt-get", *options, "indextargets", "--format", pattern])
    if found := parse(listing, os.environ.get("CNAI_DEBIAN_MIRROR")):
        return found
    raise ProblemError(
        Problem(
            "CNAI-SUPPLY-006",
            "apt knows no mirror of Debian",
            "the layers of images are Debian's, and no source of apt has the origin Debian",
            "CNAI_DEBIAN_MIRROR=ADDRESS of a Debian mirror, or `supply: upstream`",
            exit_code=2,
        )
    )


def parse(listing: str, explicit: str | None = None) -> Mirrors | None:
    """Return the mirrors in what ``apt-get indextargets`` printed in our format, if any.

    An explicit address replaces the archive's.
    """
    archive, security = explicit, None
    for line in listing.splitlines():
        origin, label, _, uri, kind = [*line.split("|"), *[""] * len(_FIELDS)][: len(_FIELDS)]
        if origin != "Debian" or kind != "Packages" or not uri.startswith(("http:", "https:")):
            continue
        if label == "Debian-Security":
            security = security or uri
        elif label == "Debian":
            archive = archive or uri
    return Mirrors(archive, security) if archive else None


def unpack(package: str, folder: Path, log: Path) -> None:
    """Download one Debian package and unpack its files into ``folder``; nothing is installed."""
    options = ready()
    work = folder.with_name(f"{folder.name}.deb")
    work.mkdir(parents=True)
    command.run(["apt-get", *options, "download", package], log, cwd=work)
    for archive in work.glob("*.deb"):
        command.run(["dpkg-deb", "-x", archive, folder], log)
    shutil.rmtree(work)


def acquire_settings() -> str:
    """Return apt's settings for proxies and certificates, for an apt in another root."""
    wanted = ("proxy", "cainfo", "verify-peer", "verify-host", "retries", "timeout")
    lines = command.read(["apt-config", "dump", "Acquire"]).splitlines()
    return "".join(
        f"{line}\n"
        for line in lines
        if not line.endswith('"";') and any(word in line.split(" ")[0].lower() for word in wanted)
    )


def http_proxy() -> dict[str, str]:
    """Return apt's proxies as environment variables for wget."""
    found = command.read(["apt-config", "dump", "--format", "%v", "Acquire::http::Proxy"]).strip()
    return {"http_proxy": found} if found and found != "DIRECT" else {}


def ready() -> list[str]:
    """Fetch the package lists when ours are older than a day; return the options to use them."""
    root = paths.cache() / "apt"
    lists = root / "state/lists/partial"
    lists.mkdir(parents=True, exist_ok=True)
    (root / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
    options = [
        word
        for setting in (
            f"Dir::State={root}/state",
            "Dir::State::status=/var/lib/dpkg/status",
            f"Dir::Cache={root}/cache",
            # The unprivileged user of apt need not be able to enter the cache.
            "APT::Sandbox::User=root",
        )
        for word in ("-o", setting)
    ]
    stamp = root / "updated"
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > _FRESH_SECONDS:
            log = paths.cache() / "logs/apt-update.log"
            # A source of the machine that does not answer need not be one that matters here, and
            # apt-get says nothing by its code: what counts is whether there are lists.
            command.run(["apt-get", *options, "update"], log)
            if not any(lists.parent.glob("*Packages*")):
                reason = command.telling_line(log.read_text())
                raise ProblemError(no_network("Debian packages", reason))
            stamp.touch()
    return options
