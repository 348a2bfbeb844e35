"""Build what is missing: in parallel, once, and so that a kill at any moment costs one target.

An artifact is made in a folder beside its place and renamed when it is whole, so what is in its
place is always whole. A lock per artifact keeps two processes from the same work.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import command, paths
from tools.errors import Problem, ProblemError
from tools.graph import Target, Workplace, keys, order
from tools.progress import Progress, Silent

_AT_ONCE = 6


@dataclass(frozen=True)
class Outcome:
    """How a run ended: artifacts by target, how many of them were there, seconds by target."""

    artifacts: Mapping[str, Path]
    cached: int
    seconds: Mapping[str, float]


def place(target: Target, key: str) -> Path:
    """Return where the artifact of a target lies when it is built."""
    return paths.cache() / target.place.format(key=key)


def places(targets: Iterable[Target]) -> dict[str, Path]:
    """Return where the artifacts of a closed set of targets lie when they are built."""
    wanted = list(targets)
    found = keys(wanted)
    return {target.name: place(target, found[target.name]) for target in wanted}


def build(targets: Iterable[Target], progress: Progress | None = None) -> Outcome:
    """Build what is missing of a closed set of targets.

    When one fails, what does not need it is still built, so that a second run has less to do.
    Raises :class:`ProblemError` with a problem for each that failed.
    """
    return _Run(order(targets), progress or Silent()).through()


class _Run:
    """One run of the builder: the queue, and what has come of each target."""

    def __init__(self, wanted: list[Target], progress: Progress) -> None:
        self.wanted = wanted
        self.progress = progress
        self.at = places(wanted)
        self.usual = _timings()
        self.heavy = threading.Semaphore(max(1, (os.cpu_count() or 2) // 2))
        self.light = threading.Semaphore(_AT_ONCE)
        self.seconds: dict[str, float] = {}
        self.problems: list[Problem] = []
        self.failed: set[str] = set()
        self.stopped = threading.Event()

    def through(self) -> Outcome:
        """Run until every target is built, failed, or in vain because of one that failed."""
        waiting = {t.name: t for t in self.wanted if not self.at[t.name].exists()}
        cached = len(self.wanted) - len(waiting)
        if not waiting:
            return Outcome(self.at, cached, {})
        running: dict[concurrent.futures.Future[None], Target] = {}
        with (
            self.progress.showing(total=len(waiting), usual=self.usual),
            concurrent.futures.ThreadPoolExecutor(max_workers=len(waiting)) as pool,
        ):
            try:
                while waiting or running:
                    for target in self._ready(waiting, running.values()):
                        del waiting[target.name]
                        running[pool.submit(self._one, target)] = target
                    done, _ = concurrent.futures.wait(
                        running, return_when=concurrent.futures.FIRST_COMPLETED
                    )
                    for future in done:
                        self._settle(running.pop(future), future)
                    for name in self._in_vain(waiting):
                        del waiting[name]
            except BaseException:
                self.stopped.set()
                command.end_all()
                raise
            self.progress.finish(built=len(self.seconds), cached=cached, failed=len(self.failed))
        if self.problems:
            raise ProblemError(*self.problems)
        return Outcome(self.at, cached, self.seconds)

    def _ready(self, waiting: Mapping[str, Target], running: Iterable[Target]) -> list[Target]:
        """Return what can start now, the longest first: it decides when all is done."""
        busy = waiting.keys() | {target.name for target in running}
        free = [t for t in waiting.values() if not busy & set(t.needs)]
        return sorted(free, key=lambda t: -self.usual.get(t.name, 60.0))

    def _in_vain(self, waiting: Mapping[str, Target]) -> list[str]:
        """Return what can no longer be built, and count it as failed."""
        lost: list[str] = []
        for target in waiting.values():
            if self.failed & set(target.needs):
                self.failed.add(target.name)
                lost.append(target.name)
        return lost

    def _settle(self, target: Target, future: concurrent.futures.Future[None]) -> None:
        """Take note of how a build ended; what is no failure of the build itself is raised."""
        error = future.exception()
        if error is None:
            return
        self.failed.add(target.name)
        self.progress.ended(target.name, None)
        if isinstance(error, ProblemError):
            self.problems += error.problems
        elif isinstance(error, command.CommandError):
            self.problems.append(_failure(target.name, error))
        elif isinstance(error, OSError):
            self.problems.append(_system_failure(target.name, error))
        else:
            raise error

    def _one(self, target: Target) -> None:
        with self.heavy if target.heavy else self.light, _locked(self.at[target.name]):
            if self.stopped.is_set() or self.at[target.name].exists():
                return
            began = time.monotonic()
            log = _log(target.name)
            self.progress.began(target.name, log)
            _make(target, self.at, log)
            self.seconds[target.name] = round(time.monotonic() - began, 1)
            _note_timing(target.name, self.seconds[target.name])
            self.progress.ended(target.name, self.seconds[target.name])


def _make(target: Target, at: Mapping[str, Path], log: Path) -> None:
    """Build into a folder beside the place, then rename. The caller holds the target's lock."""
    final = at[target.name]
    final.parent.mkdir(parents=True, exist_ok=True)
    # The lock is ours, so such a folder is what a killed build left.
    for left in final.parent.glob(f".{final.name}.*.tmp"):
        shutil.rmtree(left)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    work = final.parent / f".{final.name}.{os.getpid()}.tmp"
    work.mkdir()
    try:
        out = work / final.name
        target.build(Workplace(out, log, {name: at[name] for name in target.needs}))
        out.rename(final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _locked(artifact: Path) -> Iterator[None]:
    """Hold the lock of one artifact; wait while another process holds it."""
    folder = paths.cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{artifact.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _timings() -> dict[str, float]:
    """Return the seconds that each target took when it was last built."""
    try:
        found = json.loads((paths.cache() / "timings.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {str(name): float(seconds) for name, seconds in found.items()}


def _note_timing(name: str, seconds: float) -> None:
    """Write down what a target took, for the benchmarks and for the next run's order."""
    file = paths.cache() / "timings.json"
    with _locked(file):
        text = json.dumps({**_timings(), name: seconds}, indent=2, sort_keys=True)
        new = file.with_suffix(".tmp")
        new.write_text(text + "\n")
        new.replace(file)


def _log(name: str) -> Path:
    return paths.cache() / "logs" / f"{name.replace(':', '-')}.log"


def _failure(name: str, error: command.CommandError) -> Problem:
    if error.offline:
        return no_network(name, error.reason)
    log = _log(name)
    return Problem(
        "CNAI-SUPPLY-001",
        f"{name} could not be built",
        f"{error.reason} (whole output: {log})",
        f"less {log}; what else was built is kept, so run the same again when it is mended",
    )


def no_network(name: str, reason: str) -> Problem:
    """Return the problem of a server that could not be reached while making a target."""
    return Problem(
        "CNAI-SUPPLY-002",
        f"{name}: a server could not be reached",
        reason,
        "check the network and what go, pip and apt have configured as their mirrors "
        "(go env GOPROXY, pip config list, apt-get indextargets), then run the same again",
    )


def _system_failure(name: str, error: OSError) -> Problem:
    place_ = f" ({error.filename})" if error.filename else ""
    return Problem(
        "CNAI-SUPPLY-010",
        f"{name} could not be built: {error.strerror or error}{place_}",
        "the operating system refused what the build asked for",
        f"df -h {paths.cache()}; CNAI_CACHE=DIRECTORY puts the cache on another disk",
    )
