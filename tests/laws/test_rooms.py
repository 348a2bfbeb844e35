"""The top level is the rooms, and imports go through their doors in one direction."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from tests.laws.tree import files
from tools.paths import REPO

ROOMS = {"addons", "components", "policies", "stacks", "tools"}
TOP = ROOMS | {
    *("tests", "docs", ".ci", ".gitignore", "Makefile", "Pulumi.yaml", "pyproject.toml"),
    *("requirements.in", "requirements.lock", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("SECURITY.md", "LICENSE"),
}
# Their folder is sys.path[0] when the engine runs what is in them: a module there is importable by
# its bare name, and would come before the package of that name.
RUN_BY_THE_ENGINE = ("stacks", "policies")
VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
LONGEST_FILE = 300


def modules(room: str) -> list[Path]:
    return [path for path in files() if path.parts[0] == room and path.suffix == ".py"]


def test_the_top_level_is_the_rooms() -> None:
    assert {path.parts[0] for path in files()} == TOP


def test_imports_point_one_way() -> None:
    done = subprocess.run(
        [Path(sys.prefix, "bin", "lint-imports"), "--no-cache"],
        cwd=REPO,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("room", RUN_BY_THE_ENGINE)
def test_no_name_shadows_a_package(room: str) -> None:
    installed = set(importlib.metadata.packages_distributions()) - ROOMS
    names = {path.parts[1].removesuffix(".py") for path in modules(room) if len(path.parts) > 1}
    assert not names & (sys.stdlib_module_names | installed)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_files_are_named_after_a_subject_and_short(room: str) -> None:
    for path in modules(room):
        # components/base.py is the base of every component, by its contract.
        if path != Path("components/base.py"):
            assert path.stem not in VAGUE, path
        lines = len((REPO / path).read_text().splitlines())
        assert lines <= LONGEST_FILE, f"{path} has {lines} lines: split it by subject"


def test_every_room_says_what_it_is() -> None:
    for room in ROOMS:
        assert (REPO / room / "__init__.py").read_text().startswith('"""'), room


@pytest.mark.parametrize(("folder", "mark"), [("live", "live"), ("journeys", "journey")])
def test_slow_tests_say_so(folder: str, mark: str) -> None:
    for path in files():
        if path.match(f"tests/{folder}/**/test_*.py") or path.match(f"tests/{folder}/test_*.py"):
            assert f"pytestmark = pytest.mark.{mark}\n" in (REPO / path).read_text(), path
