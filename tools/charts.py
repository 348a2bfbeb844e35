"""Helm charts out of the very modules that the controllers are built from."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools import go
from tools.catalog import ChartSpec, Program
from tools.graph import Target, Workplace

_RECIPE = 1


def target(chart: ChartSpec, program: Program) -> Target:
    """Return the target that makes a working copy of a chart that Helm accepts."""

    def build(at: Workplace) -> None:
        copy(go.module_dir(program) / chart.path, at.out)

    return Target(
        name=f"chart:{chart.name}",
        place=f"charts/{chart.name}-{{key}}",
        recipe={
            "recipe": _RECIPE,
            "path": chart.path,
            "sums": sorted(
                line
                for line in (program.source / "go.sum").read_text().splitlines()
                if line.startswith(f"{program.module} v{program.version}")
            ),
        },
        build=build,
    )


def copy(source: Path, out: Path) -> None:
    """Copy a chart; the dependencies that are not in its ``charts`` folder are dropped.

    Helm refuses a chart whose dependencies are missing, also those that values switch off. The
    files of the module cache are read-only, those of the copy are not.
    """
    shutil.copytree(source, out, copy_function=shutil.copyfile)
    for path in [out, *out.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    description = out / "Chart.yaml"
    held = {path.name for path in (out / "charts").glob("*")}
    description.write_text(without_dependencies(description.read_text(), held))


def without_dependencies(description: str, held: set[str]) -> str:
    """Return the text of a Chart.yaml without the dependencies whose charts are not held.

    The text is edited by lines, so that all else stays as upstream wrote it. ``held`` are the names
    in the ``charts`` folder: directories, or archives named after chart and version.
    """
    kept: list[str] = []
    entry: list[str] = []
    inside = False

    def close() -> None:
        name = next((_value(line) for line in entry if _value(line, "name") is not None), None)
        if name is None or any(h == name or h.startswith(f"{name}-") for h in held):
            kept.extend(entry)
        entry.clear()

    for line in description.splitlines(keepends=True):
        if inside and line.strip() and not line.startswith((" ", "-", "#")):
            close()
            inside = False
        if line.startswith("dependencies:"):
            inside = True
            kept.append(line)
        elif not inside:
            kept.append(line)
        else:
            if line.lstrip().startswith("- "):
                close()
            entry.append(line)
    if inside:
        close()
    return _without_empty_list("".join(kept))


def _value(line: str, key: str = "name") -> str | None:
    stripped = line.strip().removeprefix("- ").strip()
    if not stripped.startswith(f"{key}:"):
        return None
    return stripped.split(":", 1)[1].strip().strip("\"'")


def _without_empty_list(text: str) -> str:
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith("dependencies:") and line.strip() == "dependencies:":
            following = next((ln for ln in lines[number + 1 :] if ln.strip()), "")
            if not following.lstrip().startswith("- "):
                return "".join(lines[:number] + lines[number + 1 :])
    return text
