"""What is in what is built here: a bill of materials of each program, image and node, by Trivy.

A bill is a folder with ``cyclonedx.json`` and ``spdx.json``. Both come from one look at the files:
the modules that Go has written into executables, the packages that Debian and Python have listed.
No network is used and no vulnerability is looked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools import archive, command, debian
from tools.catalog import Catalog, ImageSpec, Program, arch
from tools.graph import Target, Workplace

_RECIPE = 2
TRIVY = "program:trivy"
FORMS = {"cyclonedx.json": "cyclonedx", "spdx.json": "spdx-json"}
"""File of a bill → what Trivy calls its form."""
NODE = "node:rootfs"
"""What the system of a node is called; the programs and images in it have bills of their own."""
Look = Callable[[Workplace], tuple[str, Path]]
"""Returns what Trivy is to look at: the word for it, and where it is."""
# Licences come out of the lists of packages, too: this is the scanner that needs nothing else.
_SCAN = ("--format=json", "--list-all-pkgs", "--scanners=license", "--parallel=1")
_ALONE = ("--quiet", "--offline-scan", "--skip-version-check", "--disable-telemetry")


def target_of(name: str) -> str:
    """Return the target that makes the bill of ``program:NAME``, ``image:NAME`` or the node."""
    return f"sbom:{name.replace(':', '-')}"


def targets(catalog: Catalog) -> list[Target]:
    """Return the targets of the bills of all programs and images that can be made here."""
    made = (image for image in catalog.images.values() if image.made)
    programs = [_of_program(program) for program in catalog.programs.values()]
    return [*programs, *(_of_image(image) for image in made)]


def node_targets(packages: tuple[str, ...]) -> list[Target]:
    """Return the target of the bill of a node's system, last, and what it needs beside Trivy."""
    below = debian.rootfs_targets(packages)
    system = below[-1].name

    def look(at: Workplace) -> tuple[str, Path]:
        # Trivy reads a system out of an image, not out of the tar of its only layer.
        whole = at.out.parent / "image.tar"
        archive.write_image(whole, NODE, {}, [at.needs[system]], arch())
        return "image", whole

    return [*below, _target(NODE, system, look, {"name": NODE})]


def _of_program(program: Program) -> Target:
    subject = f"program:{program.name}"
    about = {"name": program.name, "version": program.version}
    if program.module:
        about["purl"] = f"pkg:golang/{program.module.lower()}@v{program.version}"
    return _target(subject, subject, lambda at: ("rootfs", at.needs[subject]), about)


def _of_image(image: ImageSpec) -> Target:
    subject = f"image:{image.name}"
    name, _, version = image.ref.rpartition(":")
    about = {"name": name, "version": version}
    return _target(subject, subject, lambda at: ("image", at.needs[subject]), about)


def _target(name: str, subject: str, look: Look, about: Mapping[str, str]) -> Target:
    def build(at: Workplace) -> None:
        trivy = at.needs[TRIVY] / "trivy"
        what, place = look(at)
        report = at.out.parent / "report.json"
        cache = f"--cache-dir={at.out.parent / 'trivy'}"
        found = ("--input", place) if what == "image" else (place,)
        command.run([trivy, what, *_SCAN, *_ALONE, cache, f"--output={report}", *found], at.log)
        report.write_text(json.dumps(tidied(json.loads(report.read_text()), about["name"])))
        at.out.mkdir()
        for file, form in FORMS.items():
            out = at.out / file
            command.run(
                [trivy, "convert", f"--format={form}", f"--output={out}", "--quiet", report], at.log
            )
        first = at.out / "cyclonedx.json"
        first.write_text(json.dumps(described(json.loads(first.read_text()), about), indent=1))

    return Target(
        name=target_of(name),
        place=f"sboms/{name.replace(':', '-')}-{{key}}",
        recipe={"recipe": _RECIPE, "about": dict(about), "scan": [*_SCAN, *_ALONE]},
        build=build,
        needs=tuple(dict.fromkeys((subject, TRIVY))),
        heavy=True,
    )


def tidied(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return Trivy's report under the name of what it is about, with each package once. Pure.

    It has the path of a file instead, and names twice what a wheel's own list names again.
    """
    results = [
        {**result, "Packages": list({_which(each): each for each in result["Packages"]}.values())}
        if result.get("Packages")
        else result
        for result in report.get("Results") or ()
    ]
    return {**report, "ArtifactName": name, "Results": results}


def _which(package: Mapping[str, Any]) -> tuple[Any, ...]:
    identifier = package.get("Identifier") or {}
    told = (package.get(key) for key in ("Name", "Version", "FilePath"))
    return (*told, identifier.get("PURL"))


def described(bill: Mapping[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
    """Return a bill in CycloneDX that says which version of what it is about. Pure."""
    metadata = dict(bill["metadata"])
    return {**bill, "metadata": {**metadata, "component": {**metadata["component"], **about}}}


def components(bill: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return name and version of what a bill in CycloneDX lists, by package URL. Pure.

    Files in which packages were found are listed as well, and are no packages.
    """
    return {
        (_full(each), each["version"])
        for each in bill.get("components") or ()
        if each.get("purl") and each.get("version")
    }


def _full(component: Mapping[str, Any]) -> str:
    group = component.get("group")
    return f"{group}/{component['name']}" if group else str(component["name"])
