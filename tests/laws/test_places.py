"""No file says where a machine keeps things or where it gets packages from.

The addresses of package registries are read from the clients of this machine, so that this law
knows those of a mirror as well and names none itself.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.laws.tree import files, text
from tools.paths import REPO

PIP_DEFAULT = (
    "from pip._internal.models.index import PyPI as index;"
    "print(index.url, 'https://' + index.file_storage_domain)"
)


def hosts() -> set[str]:
    """Hosts of the package registries that pip, go and apt of this machine are set to use."""
    said = [
        _out(sys.executable, "-m", "pip", "config", "list"),
        _out(sys.executable, "-c", PIP_DEFAULT),
    ]
    if shutil.which("go"):
        said += json.loads(_out("go", "env", "-json", "GOPROXY", "GOSUMDB")).values()
    for folder in (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d")):
        listed = [folder] if folder.is_file() else sorted(folder.glob("*.*"))
        said += [path.read_text() for path in listed]
    found = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s'\",|]+", " ".join(said))}
    return {host for host in found if host}


def _out(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_no_file_names_a_package_registry() -> None:
    found = hosts()
    assert found, "pip always has an index"
    for path in files():
        assert not [host for host in found if host in text(path)], path


@pytest.mark.parametrize("place", [REPO, Path(sys.base_prefix), Path.home() / ".cache"])
def test_no_file_names_a_place_of_this_machine(place: Path) -> None:
    if place in (Path("/usr"), Path("/usr/local")):
        pytest.skip("the system's own place may be named")
    assert not [path for path in files() if str(place) in text(path)]
