"""Parts of the platform, one file each: a module with an ``ADDON`` is an addon.

There is no list to edit: :func:`catalogue` finds the modules, :func:`pins` reads their tables in
``versions.toml``, and the laws in ``tests/laws`` say what is missing for a new one.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from components.addon import Addon, Pin

HERE = Path(__file__).parent
FILES = HERE / "files"
VERSIONS = HERE / "versions.toml"


@cache
def catalogue() -> dict[str, Addon]:
    """Return every addon by name, in alphabetical order."""
    modules = (import_module(f"addons.{found.name}") for found in iter_modules([str(HERE)]))
    found = [module.ADDON for module in modules if hasattr(module, "ADDON")]
    return {addon.name: addon for addon in sorted(found, key=lambda addon: addon.name)}


@cache
def pins() -> dict[str, Pin]:
    """Return the pin of every addon by name."""
    return {name: Pin(**table) for name, table in tomllib.loads(VERSIONS.read_text()).items()}


def script(addon: str, name: str) -> str:
    """Return the text of ``files/<addon>/<name>``."""
    return (FILES / addon / name).read_text()
