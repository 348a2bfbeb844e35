"""Mends what a killed run left: plugins, a lock without an owner, operations that never ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stacks.cli.pulumi_cli import MARK, Pulumi, mark
from tools.errors import Problem, ProblemError
from tools.paths import home


def orphaned(lock: Mapping[str, Any], host: str, alive: Callable[[int], bool]) -> bool:
    """Say whether a lock of Pulumi's file backend belongs to a process of this host that ended."""
    return lock.get("hostname") == host and not alive(int(lock.get("pid", 0)))


def running(pid: int) -> bool:
    """Say whether a process is there (and no zombie that only waits to be collected)."""
    try:
        state, _ = _state_and_parent(Path(f"/proc/{pid}"))
    except FileNotFoundError:
        if not Path("/proc/self").exists():  # a system without /proc
            return _signalled(pid)
        return False
    return state != "Z"


def _state_and_parent(process: Path) -> tuple[str, str]:
    """Return what `/proc` says of a process after its name, which may have any sign in it."""
    state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
    return state, parent


def _signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def locks(stack: str) -> list[Path]:
    """Return the lock files of a stack in the file backend."""
    return sorted((home() / "state/.pulumi/locks").glob(f"**/{stack}/*.json"))


def unlock(stack: str) -> list[str]:
    """Remove locks whose owner ended, and end what it had started; return what was done.

    Raises ProblemError (CNAI-PULUMI-002) when another run is at work on the stack.
    """
    done = []
    for path in locks(stack):
        lock = json.loads(path.read_text() or "{}")
        if not orphaned(lock, socket.gethostname(), running):
            raise ProblemError(_busy(stack, lock))
        # Before the lock goes: what an engine started may still be writing when it is killed.
        for pid in plugins(stack):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            done.append(f"ended process {pid}, a plugin that had outlived its engine")
        path.unlink(missing_ok=True)
        done.append(f"removed the lock of process {lock.get('pid')}, which has ended")
    return done


def plugins(stack: str) -> list[int]:
    """Return the plugins of runs on a stack that have no engine any more.

    They bear the mark of their run; where there is no /proc none is found, and they end by
    themselves after five minutes.
    """
    found, sought = [], f"{MARK}={mark(stack)}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        process = path.parent
        try:
            marked = sought in path.read_bytes().split(b"\0")
            if marked and _name(process).startswith("pulumi-") and not _has_engine(process):
                found.append(int(process.name))
        except OSError:  # it ended meanwhile, or it is somebody else's
            continue
    return found


def _has_engine(process: Path) -> bool:
    """Say whether a process is an engine, or one of those above it is."""
    while process.name not in {"0", "1"}:
        if _name(process) == "pulumi":
            return True
        process = process.with_name(_state_and_parent(process)[1])
    return False


def _name(process: Path) -> str:
    return (process / "comm").read_text().strip()


def without_pending(exported: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Take operations that never ended out of an exported state; return it and what they were.

    What they made is found again: objects by their fixed names, a cluster by its mark.
    """
    deployment = dict(exported.get("deployment") or {})
    pending = deployment.pop("pending_operations", None) or []
    told = [f"{p['type']} {p['resource']['urn'].rsplit('::', 1)[1]}" for p in pending]
    return {**exported, "deployment": deployment}, told


def forget_pending(pulumi: Pulumi) -> list[str]:
    """Take operations that never ended out of the state of a stack; return what they were."""
    state, told = without_pending(_exported(pulumi))
    if told:
        _import(pulumi, state)
    return told


def without_cluster(exported: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Take a cluster that is gone, with all that lived in it, out of an exported state.

    Everything of a local stack lives in its cluster. Return the state and how many went. Pure.
    """
    deployment = dict(exported.get("deployment") or {})
    resources = deployment.get("resources") or []
    kept = [r for r in resources if r["type"] == "pulumi:pulumi:Stack"]
    deployment["resources"] = kept
    deployment.pop("pending_operations", None)
    return {**exported, "deployment": deployment}, len(resources) - len(kept)


def forget_cluster(pulumi: Pulumi) -> int:
    """Take a cluster that is gone out of the state of a stack; return how many resources went."""
    state, went = without_cluster(_exported(pulumi))
    if went:
        _import(pulumi, state)
    return went


def _exported(pulumi: Pulumi) -> dict[str, Any]:
    told = pulumi.ask("stack", "export")
    return dict(json.loads(told.stdout)) if told.returncode == 0 else {}


def _import(pulumi: Pulumi, state: Mapping[str, Any]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(state, file)
        file.flush()
        done = pulumi.ask("stack", "import", f"--file={file.name}")
    if done.returncode:
        raise ProblemError(
            Problem(
                "CNAI-PULUMI-005",
                f"the state of stack `{pulumi.stack}` cannot be mended",
                " ".join((done.stderr or done.stdout).split())[-300:],
                f"look at it yourself: pulumi stack export --stack {pulumi.stack}",
            )
        )


def _busy(stack: str, lock: Mapping[str, Any]) -> Problem:
    return Problem(
        "CNAI-PULUMI-002",
        f"another run is at work on stack `{stack}`",
        f"process {lock.get('pid')} on {lock.get('hostname')} holds its lock"
        f" since {lock.get('timestamp')}",
        f"wait for it to end, or, if you know that it is gone: pulumi cancel --stack {stack}",
        exit_code=1,
    )
