"""The environment of a checkout is made from nothing, survives a kill, and is made once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.paths import REPO

pytestmark = pytest.mark.live

SCRIPT = REPO / "tools" / "bootstrap.sh"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Give an account in which nothing was ever done."""
    (tmp_path / "account").mkdir()
    return {
        "HOME": str(tmp_path / "account"),
        "CNAI_HOME": str(tmp_path / "a home"),
        # Not the whole PATH: pip asks a rustc for its version, and a rustup makes itself at home.
        "PATH": f"{sys.base_prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
    }


def test_from_nothing_by_way_of_a_kill(env: dict[str, str], tmp_path: Path) -> None:
    home = Path(env["CNAI_HOME"])
    first = subprocess.Popen(
        [SCRIPT], env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert first.stderr is not None
    assert any("installing" in line for line in first.stderr)
    time.sleep(1)
    os.killpg(first.pid, signal.SIGKILL)
    assert first.wait() != 0
    first.stderr.close()
    assert not (home / "venv" / ".cnai-stamp").exists()

    done = subprocess.run([SCRIPT], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ready" in done.stderr
    assert done.stdout == ""
    cnai = subprocess.run([home / "venv" / "bin" / "cnai", "--help"], check=False, env=env)
    assert cnai.returncode == 0
    assert {path.name for path in (tmp_path / "account").iterdir()} == {".cache"}
    assert {path.name for path in (tmp_path / "account" / ".cache").iterdir()} == {"cnai"}

    stamp = (home / "venv" / ".cnai-stamp").stat().st_mtime_ns
    again = subprocess.run([SCRIPT], env=env, capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == ("", "")
    assert (home / "venv" / ".cnai-stamp").stat().st_mtime_ns == stamp
