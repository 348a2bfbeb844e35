"""`cnai sbom`: what is in what is built here, as files that other tools read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from stacks.cli import say
from tools import builder, catalog, go, graph, progress, sbom, supply
from tools.errors import Problem, ProblemError
from tools.node_image import PACKAGES
from tools.supply import Mode

SUFFIXES = {"cyclonedx.json": "cdx.json", "spdx.json": "spdx.json"}
"""File of a bill in the cache → how its name ends where people keep it."""


def write(names: Sequence[str], to: Path | None) -> int:
    """Make the bills of programs and images, of all that is built when none is named.

    They are printed as lines of name, number of components and file. Raises ProblemError
    (CNAI-SUPPLY-008) for what is not in the catalogue, (CNAI-SUPPLY-011) when nothing is built.
    """
    places = subjects()
    for name in names:
        if name not in places:
            raise ProblemError(graph.unknown(name, places))
    asked = list(names) or [name for name, place in places.items() if place.exists()]
    if not asked:
        raise ProblemError(_nothing())
    found = made(asked)
    for name, folder in sorted(found.items()):
        bill = json.loads((folder / "cyclonedx.json").read_text())
        files = _kept(folder, name, to) if to else [folder / file for file in SUFFIXES]
        say.out.print(f"{name}  {len(sbom.components(bill))}  {files[0]}", markup=False)
    say.done("sbom", f"{len(found)} bills of materials{f' are in {to}' if to else ''}")
    return 0


def subjects() -> dict[str, Path]:
    """Return what can have a bill, and where it lies when it is built."""
    known = supply.places(Mode.SOURCE)
    node = builder.places(_node())
    return {
        **{name: place for name, place in known.items() if sbom.target_of(name) in known},
        sbom.NODE: node["layer:rootfs"],
    }


def made(names: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each bill; what is missing is made, if need be with what it is of."""
    found: dict[str, Path] = {}
    if ordinary := [name for name in names if name != sbom.NODE]:
        supply.ensure([sbom.target_of(name) for name in ordinary], Mode.SOURCE)
        places = supply.places(Mode.SOURCE)
        found = {name: places[sbom.target_of(name)] for name in ordinary}
    if sbom.NODE in names:
        # The system of a node is in no catalogue: the node's image is made of it, and it alone.
        done = builder.build(_node(), progress.on())
        found[sbom.NODE] = done.artifacts[sbom.target_of(sbom.NODE)]
    return found


def _node() -> list[graph.Target]:
    return [*sbom.node_targets(PACKAGES), go.target(catalog.load().programs["trivy"])]


def _kept(folder: Path, name: str, to: Path) -> list[Path]:
    """Copy a bill to where it was asked for, under names that tell what it is of."""
    to.mkdir(parents=True, exist_ok=True)
    stem = name.replace(":", "-")
    return [
        Path(shutil.copyfile(folder / file, to / f"{stem}.{suffix}"))
        for file, suffix in SUFFIXES.items()
    ]


def _nothing() -> Problem:
    return Problem(
        "CNAI-SUPPLY-011",
        "there is nothing here that a bill of materials could be made of",
        "no program and no image has been built on this machine",
        "name what you want, as in cnai sbom image:kueue: it is built then",
        exit_code=2,
    )
