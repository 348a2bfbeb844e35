"""The Docker daemon that we start ourselves, where no service manager would.

Its data is below ``cache()/engine``, everything else below ``/run/cnai``: socket, pid, and what the
host's network was like before, so that stopping takes the last trace away.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tools import docker_api, host_network, paths, runtime_shim
from tools.errors import Problem, ProblemError

RUN = Path("/run/cnai")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
CONTAINERD_SECONDS = 2.0
"""A containerd ends when its dockerd does; one that lives longer is taken over by the next."""
ETHERNET_MTU = 1500

TRACES = tuple(
    Path(trace)
    for trace in (
        "/etc/docker/key.json",
        "/etc/docker",
        "/run/docker/plugins",
        "/run/docker",
        "/opt/containerd/bin",
        "/opt/containerd/lib",
        "/opt/containerd",
    )
)
"""What dockerd and its containerd make outside the directories that they are given."""

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def host() -> str:
    """Address of the daemon's socket, as DOCKER_HOST wants it."""
    return f"{docker_api.UNIX}{RUN / 'docker.sock'}"


def folder() -> Path:
    """Directory of data, log and runtime."""
    return paths.cache() / "engine"


def program() -> str | None:
    """Path of an installed dockerd; it is often not on a user's PATH."""
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")


def pid() -> int | None:
    """Process id of our running daemon, or None (also when another process has the number)."""
    try:
        number = int((RUN / "docker.pid").read_text(encoding="ascii"))
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return number if str(RUN / "docker.pid").encode() in words else None


def missing_capabilities() -> frozenset[str]:
    """Return the capabilities that the kernel knows and the host's bounding set lacks."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return runtime_shim.names((2 << last) - 1) - runtime_shim.bounding_set(status)


def command(dockerd: str, *, data: Path, runtime: Path | None, mtu: int | None) -> list[str]:
    """Return the daemon's command line.

    ``runtime`` is the OCI runtime to use in place of runc, ``mtu`` the bytes a packet may have on
    its bridges (kind gives its own network the same); None leaves the daemon's default.
    """
    line = [
        dockerd,
        f"--data-root={data}",
        f"--exec-root={RUN / 'exec'}",
        "--pidfile",
        str(RUN / "docker.pid"),
        f"--host={host()}",
    ]
    if mtu:
        line.append(f"--mtu={mtu}")
    if runtime:
        line += [f"--add-runtime=cnai={runtime}", "--default-runtime=cnai"]
    return line


def start(dockerd: str) -> None:
    """Start the daemon, detached from this process, and wait until it answers.

    One that runs already is waited for. The caller holds the lock. Raises CNAI-HOST-005 with the
    daemon's last words when it does not come up within START_SECONDS.
    """
    process = None
    if pid() is None:
        _sweep()
        RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
        _remember()
        folder().mkdir(parents=True, exist_ok=True)
        runtime = install_runtime() if missing_capabilities() else None
        with log().open("wb") as output:
            process = subprocess.Popen(
                command(dockerd, data=folder() / "data", runtime=runtime, mtu=narrow_mtu()),
                cwd="/",
                env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    until = time.monotonic() + START_SECONDS
    while not docker_api.answers(host()):
        if (process and process.poll() is not None) or time.monotonic() > until:
            raise ProblemError(
                Problem(
                    "CNAI-HOST-005",
                    "the Docker engine that cnai starts did not come up",
                    last_words(log().read_text(encoding="utf-8", errors="replace")),
                    f"read {log()}, or start an engine yourself and set DOCKER_HOST",
                    exit_code=2,
                )
            )
        time.sleep(0.05)
    if process:
        # It outlives this process on purpose; without this, Python warns of a forgotten child.
        process.returncode = 0


def log() -> Path:
    """File that the daemon writes to."""
    return folder() / "dockerd.log"


def last_words(text: str) -> str:
    """Return the line of a daemon's log that says why it stopped."""
    lines = [line for line in text.splitlines() if line.strip()]
    loud = [line for line in lines if line.startswith("failed") or "level=fatal" in line]
    return (loud or lines or ["it wrote nothing"])[-1]


def install_runtime() -> Path:
    """Write the runtime that does without missing capabilities; return its path."""
    python = Path(sys.executable).resolve()
    source = Path(runtime_shim.__file__).read_text(encoding="utf-8")
    path = folder() / "cnai-runc"
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(f"#!{python} -IS\n{source}", encoding="utf-8")
    fresh.chmod(0o755)
    fresh.rename(path)
    return path


def stop() -> None:
    """Stop our daemon and take away its bridge, firewall chains, sysctls and ``/run/cnai``.

    The caller holds the lock and has seen that no container is left. Raises CNAI-HOST-006 when the
    daemon does not end within STOP_SECONDS.
    """
    if (number := pid()) is not None:
        os.kill(number, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while pid() == number and not _ended(number):
            if time.monotonic() > until:
                raise ProblemError(
                    Problem(
                        "CNAI-HOST-006",
                        f"the Docker engine (process {number}) does not stop",
                        f"it did not end within {STOP_SECONDS:.0f} s of SIGTERM",
                        f"kill -9 {number}",
                    )
                )
            time.sleep(0.05)
    before = _remembered()
    if before:
        host_network.restore(before[0])
        for trace in before[1]:
            _remove(trace)
    _sweep()
    shutil.rmtree(RUN, ignore_errors=True)


def _ended(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return True
    return state.split()[0] == "Z"


def _remember() -> None:
    """Keep how the host was, unless a daemon of ours that died had it kept already."""
    path = RUN / "before.json"
    if not path.exists():
        absent = [str(trace) for trace in TRACES if not trace.exists()]
        record = {"network": host_network.read().plain(), "absent": absent}
        path.write_text(json.dumps(record), encoding="utf-8")


def _remembered() -> tuple[host_network.Snapshot, list[Path]] | None:
    try:
        record = json.loads((RUN / "before.json").read_text(encoding="utf-8"))
        absent = [trace for trace in TRACES if str(trace) in record["absent"]]
        return host_network.Snapshot(**record["network"]), absent
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sweep() -> None:
    """Remove a dead daemon's pid and socket and whatever it left mounted below our directory."""
    _forget_dead_containerd()
    for name in ("docker.pid", "docker.sock"):
        (RUN / name).unlink(missing_ok=True)
    for point in mounts_below(Path("/proc/self/mounts").read_text(encoding="utf-8"), RUN):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)


def _forget_dead_containerd() -> None:
    """Remove the pid of a containerd that died with its daemon.

    Where nobody takes note of its end, dockerd takes it for one that runs, and waits in vain.
    """
    path = RUN / "exec" / "containerd" / "containerd.pid"
    with suppress(OSError, ValueError):
        number = int(path.read_text(encoding="ascii"))
        until = time.monotonic() + CONTAINERD_SECONDS
        while not (gone := _ended(number)) and time.monotonic() < until:
            time.sleep(0.05)
        if gone:
            path.unlink()


def mounts_below(table: str, directory: Path) -> Sequence[str]:
    """Return the mount points below a directory in a ``/proc/mounts`` text, innermost first."""
    points = (line.split()[1] for line in table.splitlines())
    return sorted((p for p in points if Path(p).is_relative_to(directory)), reverse=True)


def _remove(trace: Path) -> None:
    if trace.is_file():
        trace.unlink()
    elif trace.is_dir() and not any(trace.iterdir()):
        trace.rmdir()


def narrow_mtu() -> int | None:
    """Return the MTU of the way out when it is smaller than the 1500 bytes of Ethernet."""
    routes = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    ways_out = [fields[0] for fields in map(str.split, routes) if fields[1] == "00000000"]
    sizes = [
        int(Path(f"/sys/class/net/{name}/mtu").read_text(encoding="ascii")) for name in ways_out
    ]
    return min((size for size in sizes if size < ETHERNET_MTU), default=None)
