"""The catalogue: what can be made or fetched, read from catalog.toml and the pins beside it.

Nothing here touches the network or the cache; versions come from each program's ``go.mod`` and each
Python image's lock file.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.errors import ProblemError
from tools.graph import unknown

TOOLS = Path(__file__).resolve().parent
_ARCHES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Release:
    """A file of an upstream release, where its checksum is, and the executables in it.

    ``members`` maps an executable to its path in the archive; to nothing when the file is it.
    """

    program: str
    url: str
    checksums: str
    members: Mapping[str, str]


@dataclass(frozen=True)
class Program:
    """One Go module that executables are built or copied from."""

    name: str
    version: str
    module: str = ""
    folder: str = ""
    ldflags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    binaries: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    embeds: Mapping[str, str] = field(default_factory=dict)

    @property
    def executables(self) -> tuple[str, ...]:
        """Names of what the program's folder holds when it is built."""
        return (*self.binaries, *self.copies)

    @property
    def source(self) -> Path:
        """Folder of ``go.mod``, ``go.sum`` and, for programs of our own, ``main.go``."""
        return TOOLS / "programs" / self.folder


@dataclass(frozen=True)
class Layer:
    """Debian packages upon a layer below; without one, upon nothing."""

    name: str
    packages: tuple[str, ...]
    on: str | None = None
    users: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    owned: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageSpec:
    """An image: its name, what it lies upon and what is put into it.

    One with nothing of these is only to be had from upstream.
    """

    name: str
    ref: str
    program: str | None = None
    on: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    wheels: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    asked_by: str | None = None
    published: bool = True

    @property
    def made(self) -> bool:
        """Whether it can be made here."""
        return bool(self.on or self.files or self.wheels)


@dataclass(frozen=True)
class ChartSpec:
    """A Helm chart: in the module of a program, and where it can be pulled.

    ``repository`` is the address of a chart repository that is not an OCI registry; ``upstream`` is
    then the chart's name in it. One without ``program`` is only to be had from upstream.
    """

    name: str
    upstream: str
    version: str
    program: str | None = None
    path: str = ""
    repository: str | None = None


@dataclass(frozen=True)
class Catalog:
    """All of it."""

    go_minimum: tuple[int, int]
    go_fetched: str
    suite: str
    programs: Mapping[str, Program]
    releases: tuple[Release, ...]
    layers: Mapping[str, Layer]
    images: Mapping[str, ImageSpec]
    charts: Mapping[str, ChartSpec]
    groups: Mapping[str, tuple[str, ...]]

    def program_of(self, name: str) -> Program:
        """Return the program of that name or that holds the executable of that name.

        Raises :class:`ProblemError` when there is none.
        """
        if name in self.programs:
            return self.programs[name]
        for program in self.programs.values():
            if name in program.executables:
                return program
        known = {*self.programs, *(e for p in self.programs.values() for e in p.executables)}
        raise ProblemError(unknown(f"program:{name}", known))

    def release_of(self, executable: str) -> Release | None:
        """Return the release that holds an executable, if upstream publishes one."""
        return next((r for r in self.releases if executable in r.members), None)


@functools.cache
def load() -> Catalog:
    """Read the catalogue of this checkout; the file is read once in a process."""
    return parse(tomllib.loads((TOOLS / "catalog.toml").read_text()))


def parse(data: Mapping[str, Any]) -> Catalog:
    """Return the catalogue that the data of catalog.toml describes."""
    programs = {name: _program(name, table) for name, table in data["programs"].items()}
    major, minor = data["go"]["minimum"].split(".")
    return Catalog(
        go_minimum=(int(major), int(minor)),
        go_fetched=data["go"]["fetched"],
        suite=data["debian"]["suite"],
        programs=programs,
        releases=tuple(_release(table, programs[table["program"]]) for table in data["releases"]),
        layers={name: Layer(name, **_with_tuples(table)) for name, table in data["layers"].items()},
        images={name: _image(name, table, programs) for name, table in data["images"].items()},
        charts={name: _chart(name, table, programs) for name, table in data["charts"].items()},
        groups={name: tuple(members) for name, members in data["groups"].items()},
    )


def words(version: str) -> dict[str, str]:
    """Return what the words in braces of the catalogue stand for, given a version like 1.2.3."""
    major, minor, *_ = [*version.split("."), "0"]
    return {
        "version": version,
        "tag": f"v{version}",
        "major": major,
        "minor": minor,
        "os": "linux",
        "arch": arch(),
        "pulumi_arch": "x64" if arch() == "amd64" else arch(),
    }


def arch() -> str:
    """Return Go's name of this machine's architecture."""
    machine = platform.machine()
    return _ARCHES.get(machine, machine)


def required_version(go_mod: str, module: str) -> str:
    """Return the version, without its v, at which the text of a go.mod requires a module."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)}\s+v(\S+)", go_mod, re.MULTILINE)
    if not found:
        raise ValueError(f"no version of {module} in go.mod")
    return found.group(1)


def locked_version(lock: str, package: str) -> str:
    """Return the version at which the text of a lock file holds a Python package."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", lock, re.MULTILINE)
    if not found:
        raise ValueError(f"no version of {package} in the lock file")
    return found.group(1)


def lock_file(wheels: str) -> Path:
    """Return the lock file of a Python image."""
    return TOOLS / "python" / wheels / "requirements.lock"


def _with_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with tuples for lists: what is frozen holds nothing that changes."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}


def _program(name: str, table: Mapping[str, Any]) -> Program:
    folder = table.get("folder", name)
    version = table.get("version") or required_version(
        (TOOLS / "programs" / folder / "go.mod").read_text(), table["module"]
    )
    known = words(version)
    return Program(
        name=name,
        version=version,
        module=table.get("module", ""),
        folder=folder,
        ldflags=tuple(flag.format(**known) for flag in table.get("ldflags", ())),
        env=table.get("env", {}),
        binaries=table.get("binaries", {}),
        copies=table.get("copies", {}),
        embeds=table.get("embeds", {}),
    )


def _release(table: Mapping[str, Any], program: Program) -> Release:
    known = words(program.version)
    return Release(
        program=program.name,
        url=table["url"].format(**known),
        checksums=table["checksums"].format(**known),
        members={name: path.format(**known) for name, path in table["members"].items()},
    )


def _chart(name: str, table: Mapping[str, Any], programs: Mapping[str, Program]) -> ChartSpec:
    version = table.get("version") or programs[table["program"]].version
    # Some publishers write the v into the versions of their charts, some do not.
    rest = {key: value for key, value in table.items() if key != "version"}
    return ChartSpec(name, version=version.format(**words(version)), **rest)


def _image(name: str, table: Mapping[str, Any], programs: Mapping[str, Program]) -> ImageSpec:
    fields = {key: value for key, value in table.items() if key not in {"ref", "python"}}
    known: dict[str, str] = {}
    if program := table.get("program"):
        known = words(programs[program].version)
    if package := table.get("python"):
        lock = lock_file(table["wheels"]).read_bytes()
        # The name is ours alone, so it can say which lock it was made of: a node that holds the
        # image of another lock pulls nothing, and must not take one for the other.
        mark = hashlib.sha256(lock).hexdigest()[:8]
        known["python"] = f"{locked_version(lock.decode(), package)}-{mark}"
    return ImageSpec(name=name, ref=table["ref"].format(**known), **fields)
