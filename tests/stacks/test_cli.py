"""The command as a person meets it: what it says, and with which exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stacks.cli.app import guarded
from tools.errors import Problem, ProblemError

Cnai = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cnai(tmp_path: Path) -> Cnai:
    """Run `cnai` for a stack `mine` that says what the test says."""

    def run(said: str, *args: str) -> subprocess.CompletedProcess[str]:
        stacks = tmp_path / "stacks"
        stacks.mkdir(exist_ok=True)
        (stacks / "Pulumi.mine.yaml").write_text(said)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        places = {"CNAI_HOME": str(tmp_path / "home"), "CNAI_STACKS": str(stacks), "PATH": path}
        return subprocess.run(
            ["cnai", *args],
            env={**os.environ, **places, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_wrong_key_ends_with_2_before_anything_is_made(cnai: Cnai, tmp_path: Path) -> None:
    done = cnai("config:\n  cnai:suply: auto\n", "up", "mine")
    assert done.returncode == 2
    assert "CNAI-CONFIG-001" in done.stderr
    assert "fix   write `supply` instead of `suply`" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_stack_that_is_not_there_ends_with_6(cnai: Cnai) -> None:
    done = cnai("", "up", "kint")
    assert done.returncode == 6
    assert "files for: mine" in done.stderr


def test_a_file_that_is_no_yaml_is_named(cnai: Cnai) -> None:
    done = cnai("config: [", "explain", "mine")
    assert (done.returncode, "CNAI-CONFIG-004" in done.stderr) == (2, True)


def test_an_unknown_addon_gets_the_nearest(cnai: Cnai) -> None:
    done = cnai("config:\n  cnai:addons: {mlfow: true}\n", "doctor", "mine")
    assert (done.returncode, "write `mlflow`" in done.stderr) == (2, True)


def test_an_addon_that_others_need_is_not_switched_off_alone(cnai: Cnai) -> None:
    done = cnai("config:\n  cnai:addons: {postgresql: false}\n", "doctor", "mine")
    assert done.returncode == 2
    assert "CNAI-ADDON-005" in done.stderr
    assert "switch feast, mlflow off as well" in done.stderr


def test_the_status_of_a_stack_that_is_not_up_is_an_error_with_its_fix(cnai: Cnai) -> None:
    for form in ("table", "json"):
        done = cnai("config:\n  cnai:workers: 3\n", "status", "mine", "-o", form)
        assert done.returncode == 4
        assert "CNAI-STATUS-002" in done.stderr
        assert "fix   bring it up: cnai up mine" in done.stderr
    assert json.loads(done.stdout)["problems"][0]["id"] == "CNAI-STATUS-002"


def test_a_port_that_is_taken_is_named_before_anything_is_made(cnai: Cnai) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = cnai(f"config:\n  cnai:ports: {{mlflow: {port}}}\n", "doctor", "mine")
    assert done.returncode == 2
    assert "CNAI-HOST-013" in done.stderr
    assert str(port) in done.stderr


def test_explain_prints_data_alone_on_stdout(cnai: Cnai) -> None:
    done = cnai("config:\n  cnai:workers: 3\n", "explain", "mine")
    told = json.loads(done.stdout)
    assert (told["schema"], told["settings"]["workers"]) == ("cnai.dev/settings/v1", 3)
    assert (told["said_by"]["workers"], told["said_by"]["profile"]) == ("mine", "default")


def test_version_tells_every_pin(cnai: Cnai) -> None:
    told = json.loads(cnai("", "version").stdout)
    assert told["programs"]["kubernetes"] == "1.37.0"
    assert told["addons"]["kueue"] == told["programs"]["kueue"]


def test_help_opens_with_examples(cnai: Cnai) -> None:
    assert "cnai up kind" in cnai("", "--help").stdout


def test_all_problems_are_told_and_the_first_gives_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong() -> None:
        raise ProblemError(
            Problem("CNAI-A-001", "one [thing]", "w", "f", exit_code=5),
            Problem("CNAI-A-002", "two", "w", "f"),
        )

    assert guarded(wrong) == 5
    said = capsys.readouterr().err
    assert "one [thing]" in said
    assert "CNAI-A-002" in said


def test_a_bug_of_ours_is_told_as_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNAI_HOME", str(tmp_path))

    def broken() -> None:
        raise ZeroDivisionError("by zero")

    assert guarded(broken) == 255
    assert "this is a bug in cnai" in capsys.readouterr().err
    assert "by zero" in (tmp_path / "logs" / "crash.log").read_text()
