"""The files of the repository, as git sees them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tools.paths import REPO


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is tracked, or would be by `git add`; relative to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPO,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return tuple(Path(name) for name in listed if name and (REPO / name).is_file())


@cache
def text(path: Path) -> str:
    """Return the text of a file; empty for one that is no text."""
    try:
        return (REPO / path).read_text()
    except UnicodeDecodeError:
        return ""
