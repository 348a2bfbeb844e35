"""Packages of the host's distribution: the only thing that is ever installed on the host."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools import paths
from tools.errors import Problem, ProblemError

POLICY = Path("/usr/sbin/policy-rc.d")
"""Program that Debian asks whether a package may start its service (invoke-rc.d(8))."""

MARK = "# cnai: no service is started while its package is installed\n"


def os_release(text: str) -> dict[str, str]:
    """Return the fields of an os-release(5) text."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key: value.strip().strip("\"'") for key, equals, value in pairs if equals}


def distribution() -> dict[str, str]:
    """Return this host's os-release fields; on other systems only ``ID`` (``darwin``, …)."""
    for path in (Path("/etc/os-release"), Path("/usr/lib/os-release")):
        if path.exists():
            return os_release(path.read_text(encoding="utf-8"))
    return {"ID": platform.system().lower()}


def is_debian(release: Mapping[str, str]) -> bool:
    """Tell whether the distribution is Debian, Ubuntu, or one that says it is like them."""
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return bool(family & {"debian", "ubuntu"})


def systemd_runs() -> bool:
    """Tell whether the host was booted with systemd (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def installable() -> bool:
    """Tell whether packages can be installed here: root on Debian or Ubuntu."""
    return os.geteuid() == 0 and is_debian(distribution()) and bool(shutil.which("apt-get"))


def install(packages: Sequence[str]) -> None:
    """Install packages of the distribution, without the ones that they only recommend.

    Where systemd runs, services start as the packages want it; elsewhere none is started. The
    output of apt goes to ``cache()/engine/apt.log``. Raises CNAI-HOST-004 when apt fails.
    """
    log = paths.cache() / "engine" / "apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    with services_held_back():
        # The lists of a fresh machine are empty, or name versions that the mirror has replaced.
        if _apt(command, log) or (_apt(["apt-get", "update"], log), _apt(command, log))[1]:
            said = log.read_text(encoding="utf-8", errors="replace").splitlines()
            why = "; ".join(line[2:].strip() for line in said if line.startswith("E:"))
            raise ProblemError(
                Problem(
                    "CNAI-HOST-004",
                    f"apt-get could not install {' '.join(packages)}",
                    why or f"see {log}",
                    "apt-get update && " + " ".join(command),
                    exit_code=2,
                )
            )


def _apt(command: Sequence[str], log: Path) -> int:
    options = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
    with log.open("wb") as output:
        return subprocess.run(
            [command[0], *options, *command[1:]],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


@contextmanager
def services_held_back() -> Iterator[None]:
    """Keep packages from starting services, except where systemd runs or a policy is set already.

    A policy of ours that a killed run left behind is taken away by the next one.
    """
    ours = POLICY.exists() and MARK in POLICY.read_text(encoding="utf-8", errors="replace")
    if systemd_runs() or (POLICY.exists() and not ours):
        yield
        return
    POLICY.write_text(f"#!/bin/sh\n{MARK}exit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
