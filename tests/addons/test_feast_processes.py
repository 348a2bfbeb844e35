"""How the servers of a project live and die together; what they serve stands in for itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from addons import script

EMPTY = (
    "feast/feature_server", "feast/infra/__init__", "feast/infra/offline_stores/__init__",
    "feast/infra/offline_stores/dask", "feast/offline_server", "feast/registry_server",
    "feast/__init__", "feast/cli/__init__", "platform_provider",
)  # fmt: skip
COMMAND = r"""
import os, sys, time
def cli(words):
    os.write(1, f"{words[2]}\n".encode())  # in one piece
    sys.exit(1) if words[2] == os.environ["FAILS"] else None
    time.sleep(0 if words[2] == "registry" else 60)
    sys.exit(0)
"""
DATABASE = """\
from unittest.mock import MagicMock
connect, sql = MagicMock(), MagicMock()
"""


def serve(room: Path, fails: str = "") -> subprocess.Popen[str]:
    """Start the program with servers that do nothing, one of which fails."""
    texts = {**dict.fromkeys(EMPTY, ""), "feast/cli/cli": COMMAND, "psycopg": DATABASE}
    texts["serve"] = script("feast", "serve.py")  # beside the others, which it then imports
    for name, text in texts.items():
        file = room / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return subprocess.Popen(
        [sys.executable, str(room / "serve.py")],
        env={**os.environ, "PYTHONPATH": str(room), "PROJECT": "vision", "FAILS": fails},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def heard(program: subprocess.Popen[str], lines: int) -> set[str]:
    assert program.stdout is not None
    return {program.stdout.readline().strip() for _ in range(lines)}


def nothing_is_left(program: subprocess.Popen[str]) -> bool:
    try:
        os.killpg(program.pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_all_servers_end_when_it_is_asked_to(tmp_path: Path) -> None:
    program = serve(tmp_path)
    assert heard(program, 4) == {"registry", "serve", "serve_registry", "serve_offline"}
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=30)
    assert program.returncode == 0
    assert nothing_is_left(program)


@pytest.mark.parametrize("server", ["serve", "serve_registry", "serve_offline"])
def test_a_server_that_ends_takes_the_others_with_it(tmp_path: Path, server: str) -> None:
    program = serve(tmp_path, fails=server)
    _, errors = program.communicate(timeout=30)
    assert program.returncode == 1
    assert "a server has ended" in errors
    assert nothing_is_left(program)


def test_no_server_starts_without_the_tables_of_the_registry(tmp_path: Path) -> None:
    program = serve(tmp_path, fails="registry")
    said, errors = program.communicate(timeout=30)
    assert program.returncode == 1
    assert said.split() == ["registry"]
    assert "tables" in errors
