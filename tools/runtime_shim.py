"""OCI runtime that asks for no more than this host can give, then becomes runc.

`docker run --privileged` asks for every capability that the kernel knows. Where the bounding set of
the host lacks one (nested virtual machines, hardened CI), runc answers "unable to apply caps" and
nothing starts. This program stands in for runc there: it takes out of the bundle's ``config.json``
(or, for ``exec``, out of the process file) what the kernel would refuse, and executes runc.

It is copied out of the repository and run by itself by containerd for every container, so it uses
the standard library only and imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)  # fmt: skip
"""Names in the order of their bits (include/uapi/linux/capability.h)."""

RESOURCE = "CAP_SYS_RESOURCE"


def names(mask: int) -> frozenset[str]:
    """Return the names of the capabilities whose bits are set."""
    return frozenset(f"CAP_{name}" for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1)


def bounding_set(status: str) -> frozenset[str]:
    """Return the capabilities in the ``CapBnd`` line of a ``/proc/<pid>/status`` text."""
    line = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    return names(int(line.split()[1], 16))


def trim_process(process: Mapping[str, Any], bounding: frozenset[str]) -> dict[str, Any]:
    """Return an OCI process without what needs a capability that the host lacks.

    Limits and a negative out-of-memory score can be raised with CAP_SYS_RESOURCE only; without it
    the container keeps those of the engine.
    """
    trimmed = dict(process)
    if "capabilities" in process:
        trimmed["capabilities"] = {
            kind: [name for name in wanted if name in bounding]
            for kind, wanted in (process["capabilities"] or {}).items()
        }
    if RESOURCE not in bounding:
        trimmed.pop("rlimits", None)
        if (trimmed.get("oomScoreAdj") or 0) < 0:
            del trimmed["oomScoreAdj"]
    return trimmed


def trim(config: Mapping[str, Any], bounding: frozenset[str]) -> dict[str, Any]:
    """Return an OCI bundle's configuration whose process the host can start."""
    trimmed = dict(config)
    if "process" in config:
        trimmed["process"] = trim_process(config["process"], bounding)
    return trimmed


def option(arguments: Sequence[str], *flags: str) -> str | None:
    """Return the value of the first of ``flags`` given, as ``--flag value`` or ``--flag=value``."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument in flags:
            return following
        flag, equals, value = argument.partition("=")
        if equals and flag in flags:
            return value
    return None


def rewritten(arguments: Sequence[str]) -> tuple[Path, bool] | None:
    """Return the file that a runc command line starts a process from, and whether it is a bundle.

    None for commands that start nothing (``state``, ``kill``, ``delete`` and so on).
    """
    if "create" in arguments or "run" in arguments:
        return Path(option(arguments, "--bundle", "-b") or ".") / "config.json", True
    if "exec" in arguments and (process := option(arguments, "--process", "-p")):
        return Path(process), False
    return None


def main(arguments: Sequence[str]) -> None:
    """Trim what ``arguments`` starts, then replace this process by runc."""
    if found := rewritten(arguments):
        path, bundle = found
        bounding = bounding_set(Path("/proc/self/status").read_text(encoding="ascii"))
        before = json.loads(path.read_text(encoding="utf-8"))
        after = (trim if bundle else trim_process)(before, bounding)
        if after != before:
            path.write_text(json.dumps(after), encoding="utf-8")
    # containerd may run with a short PATH; distributions put runc into either directory.
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"))
    os.execvp("runc", ["runc", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
