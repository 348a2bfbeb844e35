"""A version is written once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.laws.tree import files, text
from tools.paths import REPO

VERSION = re.compile(r"v?\d+\.\d+\.\d+(?:[-.][\w.]+)?")
# Files that are pins, follow from them, or tell history.
HOLD_PINS = re.compile(
    r"addons/versions\.toml|tools/.*\.(toml|mod|sum|in|lock)|requirements\.(in|lock)"
    r"|CHANGELOG\.md|docs/(adr|reference)/.*|LICENSE|.*\.ambr"
)
CODE = (".py", ".sh", ".yaml", ".toml", "")


def strings(value: Any) -> Iterator[str]:
    """Yield every string in parsed TOML."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def pins() -> dict[str, str]:
    """Return every pinned version, without its ``v``, and the file that holds it."""
    found: dict[str, str] = {}
    for name in ("addons/versions.toml", "tools/catalog.toml"):
        for value in strings(tomllib.loads((REPO / name).read_text())):
            for version in VERSION.findall(value):
                found.setdefault(version.removeprefix("v"), name)
    return found


def locked(lock: str = "requirements.lock") -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", (REPO / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize(("version", "file"), sorted(pins().items()))
def test_no_code_repeats_a_pin(version: str, file: str) -> None:
    word = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)")
    for path in files():
        held = HOLD_PINS.fullmatch(path.as_posix()) or path.parts[0] == "tests"
        if path.suffix in CODE and not held:
            assert not word.search(text(path)), f"{path} repeats {version} of {file}"


def test_what_is_asked_for_is_what_is_locked() -> None:
    asked = re.findall(r"^([\w.-]+)==(\S+)", (REPO / "requirements.in").read_text(), re.MULTILINE)
    assert {name: locked()[name] for name, _ in asked} == dict(asked)


def test_every_locked_file_has_a_hash() -> None:
    for path in files():
        if path.name == "requirements.lock":
            assert "://" not in text(path), f"{path} says where packages come from"
            for line in re.findall(r"^[\w.-]+==[^\n]*", text(path), re.MULTILINE):
                assert line.endswith("\\"), f"{path}: {line}"


def test_dependencies_of_the_package_are_locked() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    names = {name.lower() for name in locked()}
    assert set(project["dependencies"]) <= names


@pytest.mark.parametrize(
    "module", ["github.com/pulumi/pulumi/pkg/v3", "github.com/pulumi/pulumi/sdk/v3"]
)
def test_engine_and_sdk_are_of_one_release(module: str) -> None:
    required = (REPO / "tools" / "programs" / "pulumi" / "go.mod").read_text()
    found = re.search(rf"{re.escape(module)} v(\S+)", required)
    assert found
    assert found[1] == locked()["pulumi"]


def test_provider_and_sdk_are_of_one_release() -> None:
    program = Path("tools", "programs", "pulumi-kubernetes")
    held = "".join(text(path) for path in files() if path.is_relative_to(program))
    catalogue = (REPO / "tools" / "catalog.toml").read_text()
    assert locked()["pulumi-kubernetes"] in held + catalogue
