"""Where programs, images and charts come from: one face, whatever the source.

``upstream`` fetches release binaries and lets nodes pull images; ``source`` builds everything from
language and distribution packages; ``auto`` looks which of the two this machine can do. Names are
the same in both, so nobody else has to know.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tools import archive, builder, catalog, charts, go, graph, progress, sbom, upstream
from tools import image as images
from tools.errors import ProblemError
from tools.graph import Target

_PROBE = "https://registry.k8s.io/v2/"


class Mode(StrEnum):
    """Where to take things from."""

    AUTO = "auto"
    UPSTREAM = "upstream"
    SOURCE = "source"


@dataclass(frozen=True)
class Image:
    """An image: its name; the archive to load, or nothing when nodes pull it themselves.

    ``digest`` is the image's id (``sha256:…``) and empty when it is pulled.
    """

    name: str
    ref: str
    archive: Path | None
    digest: str


@dataclass(frozen=True)
class Chart:
    """What to give to Helm: a folder, an ``oci://`` reference, or a name in a ``repository``."""

    chart: str
    version: str | None
    repository: str | None = None


@functools.cache
def resolve(mode: Mode) -> Mode:
    """Decide ``auto`` with one request of at most 3 s, once in a process."""
    if mode is not Mode.AUTO:
        return mode
    return Mode.UPSTREAM if upstream.reachable(_PROBE) else Mode.SOURCE


def ensure(targets: Iterable[str], mode: Mode, *, show: bool = True) -> None:
    """Make sure that targets are there: ``program:kind``, ``image:kueue``, ``chart:kueue`` …

    A group of the catalogue (``node-image``, ``all``) stands for its members. What nodes or Helm
    pull themselves needs nothing here. Raises :class:`ProblemError` with all that went wrong.
    """
    mode = resolve(mode)
    known = _targets(mode)
    wanted = [_named(name) for name in _expanded(targets)]
    for kind, name in (target.split(":", 1) for target in wanted):
        _check(kind, name, mode)
    here = [name for name in wanted if not (mode is Mode.UPSTREAM and _pulled(name))]
    needed = graph.closure([_built_as(name, mode) for name in here], known)
    if needed:
        builder.build(needed.values(), progress.on() if show else None)


@dataclass(frozen=True)
class Missing:
    """How much has to be made before all is there, and how many programs of it are compiled."""

    targets: int = 0
    compiled: int = 0


def missing(targets: Iterable[str], mode: Mode) -> Missing:
    """Return what has to be built or fetched before all of the targets are there."""
    mode = resolve(mode)
    wanted = [n for n in _expanded(targets) if not (mode is Mode.UPSTREAM and _pulled(n))]
    needed = graph.closure([_built_as(name, mode) for name in wanted], _targets(mode))
    places = builder.places(needed.values())
    left = [target for target in needed.values() if not places[target.name].exists()]
    return Missing(targets=len(left), compiled=sum(target.heavy for target in left))


def program(name: str, mode: Mode = Mode.AUTO) -> Path:
    """Return the path of an executable; it is built or fetched, silently, when it is not there.

    With ``auto``, one that is there is taken from whichever source it came.
    """
    for source in (Mode.UPSTREAM, Mode.SOURCE) if mode is Mode.AUTO else (mode,):
        with contextlib.suppress(ProblemError):  # one that only upstream has, or that nobody has
            if (found := _program_place(name, source)).exists():
                return found
    ensure([f"program:{name}"], mode, show=False)
    return _program_place(name, resolve(mode))


def image(name: str, mode: Mode) -> Image:
    """Return an image; its archive is built when it is not there and nodes do not pull it."""
    ref = image_ref(name)
    mode = resolve(mode)
    if mode is Mode.UPSTREAM and _pulled(f"image:{name}"):
        return Image(name, ref, None, "")
    found = _artifact(f"image:{name}", mode)
    return Image(name, ref, found, archive.image_id(found))


def image_key(name: str, mode: Mode) -> str:
    """Return what tells one content of an image from the next, without building it.

    Empty when nodes pull the image themselves.
    """
    mode = resolve(mode)
    if mode is Mode.UPSTREAM and _pulled(f"image:{name}"):
        return ""
    needed = graph.closure([f"image:{name}"], _targets(mode))
    return builder.places(needed.values())[f"image:{name}"].stem


def image_ref(name: str) -> str:
    """Return the name that an image has in both sources. Raises :class:`ProblemError`."""
    known = catalog.load().images
    if name not in known:
        raise ProblemError(graph.unknown(f"image:{name}", (f"image:{n}" for n in known)))
    return known[name].ref


def chart(name: str, mode: Mode) -> Chart:
    """Return a chart; its working copy is made when it is not there."""
    known = catalog.load().charts
    _check("chart", name, mode)
    if resolve(mode) is Mode.UPSTREAM:
        return Chart(known[name].upstream, known[name].version, known[name].repository)
    return Chart(str(_artifact(f"chart:{name}", Mode.SOURCE)), None)


@functools.cache
def module_dir(name: str) -> Path:
    """Return the directory of a program's module (CRDs, runtimes), fetched if need be.

    Go is asked once in a process.
    """
    return go.module_dir(catalog.load().program_of(name))


def versions() -> dict[str, str]:
    """Return the version of every program, without its v."""
    return {name: entry.version for name, entry in sorted(catalog.load().programs.items())}


def places(mode: Mode) -> dict[str, Path]:
    """Return every target of a source and where its artifact lies when it is there."""
    return builder.places(_targets(resolve(mode)).values())


@functools.cache
def _targets(mode: Mode) -> dict[str, Target]:
    """Return all targets; from upstream, an executable that is released is a target by itself."""
    known = catalog.load()
    found = [go.target(entry) for entry in known.programs.values()]
    found += images.targets(known)
    found += sbom.targets(known)
    found += [
        charts.target(spec, known.programs[spec.program])
        for spec in known.charts.values()
        if spec.program
    ]
    named = {target.name: target for target in found}
    if mode is Mode.UPSTREAM:
        # Beside what is compiled, which images of our own may hold.
        named |= {t.name: t for t in (upstream.target(release) for release in known.releases)}
    return named


def _built_as(name: str, mode: Mode) -> str:
    """Return the target that makes what is asked for."""
    kind, _, rest = name.partition(":")
    if kind != "program":
        return name
    known = catalog.load()
    if mode is Mode.UPSTREAM and (release := known.release_of(rest)):
        return upstream.target(release).name
    return f"program:{known.program_of(rest).name}"


def _program_place(name: str, mode: Mode) -> Path:
    target = _built_as(f"program:{name}", mode)
    needed = graph.closure([target], _targets(mode))
    folder = builder.places(needed.values())[target]
    entry = catalog.load().programs.get(name)
    held = entry is None or name in entry.executables
    return folder / (name if held or entry is None else entry.executables[0])


def _artifact(name: str, mode: Mode) -> Path:
    needed = graph.closure([name], _targets(mode))
    found = builder.places(needed.values())[name]
    if not found.exists():
        builder.build(needed.values())
    return found


def _pulled(name: str) -> bool:
    """Tell whether nodes or Helm fetch this themselves when upstream can be reached."""
    kind, _, rest = name.partition(":")
    return kind == "chart" or (kind == "image" and catalog.load().images[rest].published)


def _expanded(targets: Iterable[str]) -> list[str]:
    known = catalog.load()
    found: list[str] = []
    for target in targets:
        if target == "all":
            found += [f"program:{name}" for name in known.programs]
            found += [f"image:{name}" for name, spec in known.images.items() if spec.made]
            found += [f"chart:{name}" for name, spec in known.charts.items() if spec.program]
        else:
            found += known.groups.get(target, (target,))
    return list(dict.fromkeys(found))


def _named(target: str) -> str:
    if ":" not in target:
        raise ProblemError(graph.unknown(target, ["program:NAME", "image:NAME", "chart:NAME"]))
    return target


def _check(kind: str, name: str, mode: Mode) -> None:
    known = catalog.load()
    if kind == "program":
        if mode is Mode.SOURCE or not known.release_of(name):
            known.program_of(name)
        return
    tables: dict[str, Iterable[str]] = {"image": known.images, "chart": known.charts}
    made = (target.partition(":") for target in _targets(Mode.SOURCE))
    names = tables.get(kind) or [rest for of, _, rest in made if of == kind]
    if name not in names:
        raise ProblemError(graph.unknown(f"{kind}:{name}", (f"{kind}:{n}" for n in names)))
