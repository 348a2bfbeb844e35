"""Killing a command with all that it started, as a power cut would, and leaving nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def kill_with_all(run: subprocess.Popen[str]) -> None:
    """Kill the group of a process, and Pulumi's plugins below it, which have groups of their own.

    The process was started in a session of its own. Nothing is done if it has ended.
    """
    if run.poll() is None:
        plugins = [pid for pid in _below(run.pid) if _name(pid).startswith("pulumi")]
        os.killpg(run.pid, signal.SIGKILL)
        for pid in plugins:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    run.communicate()


def _below(parent: int) -> list[int]:
    """Return the processes that a process started, and those that they did."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state_and_parent = stat.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(state_and_parent[1]), []).append(int(stat.parent.name))
    found, left = [], [parent]
    while left:
        left += (started := children.get(left.pop(), []))
        found += started
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
