"""Whether this machine can carry the platform.

:func:`preflight` judges what :func:`read` found and touches nothing. A problem whose exit code is 0
is a note: it is worth telling and stops nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.errors import Problem
from tools.host_facts import HostFacts, read

__all__ = ["HostFacts", "Wanted", "preflight", "read", "summary"]

GIB = 1024**3
MEMORY_BYTES = 8 * GIB
"""Available before a cluster is made: its nodes and the laptop profile stay below 6 GiB."""
DISK_BYTES = 10 * GIB
"""Free in the cache when everything is built: nodes unpack their images there."""
BUILD_DISK_BYTES = 20 * GIB
"""Free in the cache when something is still to be built or fetched."""
COMPILED_DISK_BYTES = 3 * GIB // 2
"""For each program that is compiled: its modules and what Go keeps of compiling (measured: 45 GiB
for 30 programs)."""
CORES = 2
# Three nodes with nothing on them hold 48 instances (measured); controllers hold one or two each.
INOTIFY_INSTANCES = 96
INOTIFY_INSTANCES_WITH_ROOM = 256
INOTIFY_WATCHES = 16384
INOTIFY_WATCHES_WITH_ROOM = 65536

NOTE = 0
PREFLIGHT = 2
_TRIED = frozenset({"x86_64", "amd64"})
_ALLOWED = frozenset({"aarch64", "arm64"})


@dataclass(frozen=True)
class Wanted:
    """What is about to happen.

    ``ports`` of 127.0.0.1 must be free; ``cluster`` says that nodes are to be made (and not merely
    found running); ``builds`` that programs and images are not all in the cache, ``compiled`` how
    many programs are compiled from source for it.
    """

    ports: tuple[int, ...] = ()
    cluster: bool = True
    builds: bool = False
    compiled: int = 0


def summary(facts: HostFacts) -> str:
    """Return the machine's shape in a line, for a terminal and for benchmarks."""
    memory = f"{facts.memory_bytes / GIB:.0f} GiB" if facts.memory_bytes else "memory unknown"
    disk = f", {facts.disk_free_bytes / GIB:.0f} GiB of disk free" if facts.disk_free_bytes else ""
    return f"{facts.cores} cores, {memory}{disk}, {facts.distro} {facts.machine}"


def preflight(facts: HostFacts, wanted: Wanted) -> list[Problem]:
    """Return what stands in the way, the worst first: exit code 2 stops, exit code 0 is a note."""
    found = [
        *_memory(facts, wanted),
        *_disk(facts, wanted),
        *_ports(facts, wanted),
        *_machine(facts),
        *(_inotify(facts) if wanted.cluster else ()),
        *_capabilities(facts),
    ]
    return sorted(found, key=lambda problem: -problem.exit_code)


def _memory(facts: HostFacts, wanted: Wanted) -> Iterator[Problem]:
    available = facts.memory_available_bytes
    if wanted.cluster and available is not None and available < MEMORY_BYTES:
        yield Problem(
            "CNAI-HOST-010",
            f"{available / GIB:.1f} GiB of memory are available, {MEMORY_BYTES / GIB:.0f} needed",
            "three nodes, their control plane and the platform live in this machine's memory",
            "ps -eo rss,comm --sort=-rss | head   # and end what is not needed",
            exit_code=PREFLIGHT,
        )


def _disk(facts: HostFacts, wanted: Wanted) -> Iterator[Problem]:
    needed = BUILD_DISK_BYTES if wanted.builds else DISK_BYTES
    needed += wanted.compiled * COMPILED_DISK_BYTES
    free = facts.disk_free_bytes
    if free is not None and free < needed:
        yield Problem(
            "CNAI-HOST-011",
            f"{free / GIB:.1f} GiB of disk are free, {needed / GIB:.0f} needed",
            f"programs, images and the nodes' disks are kept below {facts.disk_place}",
            "free some (`go clean -cache` after a build), or set CNAI_CACHE to a larger disk",
            exit_code=PREFLIGHT,
        )


def _ports(facts: HostFacts, wanted: Wanted) -> Iterator[Problem]:
    for port in wanted.ports:
        if port in facts.listening:
            owner = facts.listening[port]
            yield Problem(
                "CNAI-HOST-013",
                f"port {port} of 127.0.0.1 is taken",
                f"process {owner} listens there" if owner else "another process listens there",
                f"ss -ltnp 'sport = {port}'   # end that process, or set another port",
                exit_code=PREFLIGHT,
            )


def _machine(facts: HostFacts) -> Iterator[Problem]:
    if facts.machine not in _TRIED | _ALLOWED:
        yield Problem(
            "CNAI-HOST-015",
            f"machines of type {facts.machine} are not supported",
            "programs and images are made for amd64 and arm64",
            "use a machine of one of these types",
            exit_code=PREFLIGHT,
        )
    elif facts.machine not in _TRIED:
        yield Problem(
            "CNAI-HOST-017",
            f"machines of type {facts.machine} are supported but not tried",
            "every release is tested on amd64 only",
            "tell us what you find",
            exit_code=NOTE,
        )
    if facts.cores < CORES:
        yield Problem(
            "CNAI-HOST-016",
            f"{facts.cores} core, {CORES} wanted",
            "the control plane alone requests 0.9 of a core of each machine",
            "expect slow starts, or give the machine more cores",
            exit_code=NOTE,
        )


def _inotify(facts: HostFacts) -> Iterator[Problem]:
    limits = (
        (
            "fs.inotify.max_user_instances",
            facts.inotify_instances,
            INOTIFY_INSTANCES,
            INOTIFY_INSTANCES_WITH_ROOM,
        ),
        (
            "fs.inotify.max_user_watches",
            facts.inotify_watches,
            INOTIFY_WATCHES,
            INOTIFY_WATCHES_WITH_ROOM,
        ),
    )
    for name, limit, needed, room in limits:
        if limit is not None and limit < room:
            yield Problem(
                "CNAI-HOST-012",
                f"{name} is {limit}, {needed if limit < needed else room} "
                f"{'needed' if limit < needed else 'leaves room for a second cluster'}",
                "all nodes share it, and a process that gets none ends with 'too many open files'",
                f"sudo sysctl {name}={room * 2}",
                exit_code=PREFLIGHT if limit < needed else NOTE,
            )


def _capabilities(facts: HostFacts) -> Iterator[Problem]:
    if facts.missing_capabilities:
        yield Problem(
            "CNAI-HOST-014",
            f"this machine withholds {', '.join(sorted(facts.missing_capabilities))}",
            "an engine that cnai starts asks for no more than there is; another one may refuse "
            "to start nodes ('unable to apply caps')",
            "nothing to do with an engine that cnai starts",
            exit_code=NOTE,
        )
