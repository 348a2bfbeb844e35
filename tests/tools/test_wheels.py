"""Packages for the Python of an image: tags that it accepts, commands that it runs."""

import subprocess
import sys
from pathlib import Path

from packaging import tags
from packaging.version import Version

from tools import catalog, wheels


def test_the_tags_are_those_that_debian_accepts() -> None:
    found = wheels.platforms("x86_64")
    assert found[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"} <= set(found)
    assert len(found) == len(set(found))
    accepted = set(tags.cpython_tags((3, 11), ["cp311"], found))
    assert tags.Tag("cp311", "cp311", "manylinux_2_28_x86_64") in accepted


def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    info = folder / "thing-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(
        "[console_scripts]\nthing = thing.cli:Main.run [extra]\n[other]\na = b:c\n"
    )
    (info / "RECORD").write_text("../../bin/thing,sha256=x,9\nthing/cli.py,sha256=y,9\n")
    (folder / "thing").mkdir()
    (folder / "thing/__init__.py").write_text("")
    (folder / "thing/cli.py").write_text(
        "class Main:\n    def run(self=None):\n        print('it runs')\n        return 3\n"
    )
    (folder / "bin").mkdir()
    (folder / "bin/thing").write_text("#!/home/of/this/machine/python3\nraise SystemExit\n")
    (folder / "bin/old").write_text("#!/home/of/this/machine/python3\nprint('old')\n")
    (folder / "bin/shell").write_text("#!/bin/sh\n")
    return folder


def test_commands_are_run_by_the_python_of_the_image(tmp_path: Path) -> None:
    folder, out = site(tmp_path), tmp_path / "bin"
    wheels.scripts(folder, out)
    assert {path.name for path in out.iterdir()} == {"thing", "old", "shell"}
    assert not (folder / "bin").exists()
    assert (folder / "thing-1.0.dist-info/RECORD").read_text() == "thing/cli.py,sha256=y,9\n"
    for path in out.iterdir():
        assert path.stat().st_mode & 0o111
        assert "machine" not in path.read_text()
    assert (out / "old").read_text() == "#!/usr/bin/python3\nprint('old')\n"
    assert (out / "shell").read_text() == "#!/bin/sh\n"
    ran = subprocess.run(
        [sys.executable, out / "thing"],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (3, "it runs\n")


def test_what_no_program_reads_is_left_out(tmp_path: Path) -> None:
    for name in ("pandas/tests/x.py", "scipy/linalg/tests/x.py", "numpy/_core/tests/_natype.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    wheels.strip(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")}
    # numpy.testing imports from numpy's tests.
    assert left == {"numpy/_core/tests/_natype.py"}


def test_locks_hold_versions_and_hashes_of_everything() -> None:
    images = [spec.wheels for spec in catalog.load().images.values() if spec.wheels]
    assert images
    for name in images:
        lock = catalog.lock_file(name).read_text()
        pinned = [line for line in lock.splitlines() if line[:1].isalnum()]
        assert all(Version(line.split("==")[1].split()[0]) for line in pinned)
        assert lock.count("--hash=sha256:") >= len(pinned)
