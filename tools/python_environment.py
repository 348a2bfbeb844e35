"""What is installed in a Python environment, read from its folder without running it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Environment:
    """A virtual environment, by its folder."""

    prefix: Path

    @property
    def python(self) -> str:
        """Path of the interpreter."""
        return str(self.prefix / "bin" / "python")

    @property
    def packages(self) -> Path:
        """Folder of the installed packages; the environment's own when it has none."""
        return next(self.prefix.glob("lib/python3.*/site-packages"), self.prefix)

    def distributions(self) -> dict[str, str]:
        """Return the version of every installed distribution."""
        folders = (found.stem for found in self.packages.glob("*.dist-info"))
        return dict(folder.rpartition("-")[::2] for folder in folders)

    def providers(self) -> Iterator[dict[str, Any]]:
        """Yield what each installed Pulumi SDK says of its provider (``pulumi-plugin.json``)."""
        for file in sorted(self.packages.glob("*/pulumi-plugin.json")):
            plugin = json.loads(file.read_text())
            if plugin.get("resource"):
                yield {"name": file.parent.name.removeprefix("pulumi_"), **plugin}

    def variables(self, env: dict[str, str]) -> dict[str, str]:
        """Return ``env`` as it is when the environment is activated."""
        path = f"{self.prefix / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
        kept = {name: value for name, value in env.items() if name != "PYTHONHOME"}
        return {**kept, "VIRTUAL_ENV": str(self.prefix), "PATH": path}
