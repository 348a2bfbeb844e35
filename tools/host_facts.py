"""What this machine is: read once, from the files in which the system tells it."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tools import dockerd, host_packages, paths

_LISTEN = "0A"


@dataclass(frozen=True)
class HostFacts:
    """The machine as it is now.

    Sizes are in bytes; None stands for what the system does not tell. ``listening`` maps the TCP
    ports that are taken on the loopback address to the process that holds each, where that is told.
    """

    system: str
    distro: str
    machine: str
    root: bool
    cores: int
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    disk_free_bytes: int | None = None
    disk_place: str = ""
    missing_capabilities: frozenset[str] = frozenset()
    inotify_instances: int | None = None
    inotify_watches: int | None = None
    listening: Mapping[int, str] = field(default_factory=dict)


def read(ports: Iterable[int] = ()) -> HostFacts:
    """Look at the machine; ``ports`` are tried by binding, beside what the system lists as taken.

    The source of each fact is its file in /proc (proc(5)); elsewhere than on Linux most are None.
    """
    meminfo = dict(_meminfo(_text("/proc/meminfo")))
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    linux = platform.system() == "Linux"
    release = host_packages.distribution()
    free, place = _disk_free(paths.cache())
    taken = _listening()
    return HostFacts(
        system=platform.system(),
        distro=release.get("PRETTY_NAME", release.get("ID", "")),
        machine=platform.machine(),
        root=os.geteuid() == 0,
        cores=len(os.sched_getaffinity(0)) if linux else os.cpu_count() or 1,
        memory_bytes=meminfo.get("MemTotal", pages),
        memory_available_bytes=meminfo.get("MemAvailable"),
        disk_free_bytes=free,
        disk_place=place,
        missing_capabilities=dockerd.missing_capabilities() if linux else frozenset(),
        inotify_instances=_number("/proc/sys/fs/inotify/max_user_instances"),
        inotify_watches=_number("/proc/sys/fs/inotify/max_user_watches"),
        listening={**{p: "" for p in ports if not _bindable(p)}, **taken},
    )


def _text(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8", errors="replace")
    return ""


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _meminfo(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if value.endswith("kB"):
            yield name, int(value.split()[0]) * 1024


def _disk_free(place: Path) -> tuple[int, str]:
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    status = os.statvfs(there)
    return status.f_bavail * status.f_frsize, str(place)


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        # As the engine does: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def listening_sockets(table: str) -> dict[int, str]:
    """Return the ports that a ``/proc/net/tcp`` text lists as taken on loopback, with inodes."""
    found: dict[int, str] = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, _, port = fields[1].partition(":")
        everywhere = not address.strip("0")
        # Addresses are written as words of this machine's byte order: 7F of 127.* comes last.
        if fields[3] == _LISTEN and (everywhere or address[-8:].endswith("7F")):
            found[int(port, 16)] = fields[9]
    return found


def _listening() -> dict[int, str]:
    sockets: dict[int, str] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if text := _text(table):
            sockets |= listening_sockets(text)
    owners = _owners({f"socket:[{inode}]" for inode in sockets.values()})
    return {port: owners.get(f"socket:[{inode}]", "") for port, inode in sockets.items()}


def _owners(wanted: set[str]) -> dict[str, str]:
    """Return which process holds each socket, of those that this user may look into."""
    found: dict[str, str] = {}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        with suppress(OSError):
            for handle in os.scandir(process / "fd"):
                with suppress(OSError):
                    if (target := str(Path(handle.path).readlink())) in wanted:
                        found[target] = f"{process.name} ({_text(f'{process}/comm').strip()})"
    return found
