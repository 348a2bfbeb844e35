"""Python packages as a layer: a lock file's wheels, for the Python of the image."""

from __future__ import annotations

import configparser
import shutil
import sys
from pathlib import Path

from tools import archive, catalog, command, debian
from tools.graph import Target, Workplace

_RECIPE = 3
_PYTHON = "3.11"
_SITE = "usr/local/lib/python3.11/dist-packages"
# glibc of Debian 12 is 2.36; a wheel names the oldest that it runs on.
_NEWEST_GLIBC = 36
_OLDEST_GLIBC = 5
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# Tests and headers of big packages, of which nothing is imported when they run.
_LEFT_OUT = (
    "matplotlib/tests", "mlflow/java", "pandas/tests", "pyarrow/include", "pyarrow/tests",
    "scipy/*/tests", "scipy/*/*/tests", "sklearn/*/tests", "sklearn/*/*/tests", "sklearn/tests",
    "skops/*/tests", "networkx/*/tests", "networkx/*/*/tests",
)  # fmt: skip
_SCRIPT = """\
#!/usr/bin/python3
import sys

from {module} import {first}

sys.exit({call}())
"""


def target(name: str, below: tuple[str, ...]) -> Target:
    """Return the target of the layer that holds a lock file's packages.

    ``below`` are the layers with the Python that it is for, the lowest first.
    """
    lock = catalog.lock_file(name)

    def build(at: Workplace) -> None:
        root = at.out.parent / "root"
        debian.unpack([at.needs[layer] for layer in below], root, at.log)
        site = root / _SITE
        install(lock, site, at.log)
        scripts(site, root / "usr/local/bin")
        strip(site)
        debian.compile_python(root, [f"/{_SITE}"], at.log)
        paths = [path for path in archive.walk(root) if path.startswith("usr/local/")]
        archive.write_tree(at.out, root, only=[*paths, "usr", "usr/local"], owner=(0, 0))

    return Target(
        name=f"layer:wheels-{name}",
        place=f"layers/wheels-{name}-{{key}}.tar",
        recipe={
            "recipe": _RECIPE,
            "lock": lock.read_text(),
            "python": _PYTHON,
            "arch": catalog.arch(),
            "left_out": list(_LEFT_OUT),
        },
        build=build,
        needs=below,
    )


def platforms(machine: str) -> list[str]:
    """Return the platform tags that Debian 12 on such a machine accepts (x86_64, aarch64)."""
    new = [f"manylinux_2_{n}_{machine}" for n in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)]
    return [*new, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]


def install(lock: Path, site: Path, log: Path) -> None:
    """Install a lock file's wheels, each with a hash that it names, into ``site``."""
    machine = _MACHINES.get(catalog.arch(), catalog.arch())
    words = ["install", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"]
    words += ["--disable-pip-version-check", "--no-input", "--root-user-action=ignore"]
    words += ["--implementation", "cp", "--python-version", _PYTHON]
    words += [word for tag in platforms(machine) for word in ("--platform", tag)]
    words += ["--target", str(site), "--requirement", str(lock)]
    command.run([sys.executable, "-m", "pip", *words], log)


def scripts(site: Path, folder: Path) -> None:
    """Put the commands of the installed packages into ``folder``, run by the image's Python.

    What pip has made of them in ``site/bin`` names the Python of this machine, and goes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = site / "bin"
    for entry in sorted(site.glob("*.dist-info/entry_points.txt")):
        parser = configparser.ConfigParser(delimiters=("=",), strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(entry.read_text())
        if not parser.has_section("console_scripts"):
            continue
        for name, reference in parser.items("console_scripts", raw=True):
            module, _, call = reference.split("[")[0].strip().partition(":")
            text = _SCRIPT.format(module=module, call=call, first=call.split(".")[0])
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
            (made / name).unlink(missing_ok=True)
    for script in sorted(made.glob("*")) if made.exists() else []:
        content = script.read_bytes()
        first, _, rest = content.partition(b"\n")
        if first.startswith(b"#!") and b"python" in first:
            content = b"#!/usr/bin/python3\n" + rest
        if script.is_file():
            (folder / script.name).write_bytes(content)
            (folder / script.name).chmod(0o755)
    shutil.rmtree(made, ignore_errors=True)
    # The hashes of what was in there differ from machine to machine, and nothing is there any more.
    for record in site.glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith("../../bin/")))


def strip(site: Path) -> None:
    """Remove what no running program reads."""
    for pattern in _LEFT_OUT:
        for found in site.glob(pattern):
            shutil.rmtree(found)
