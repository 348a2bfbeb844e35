"""What a failed program said is told in one line, and nothing that was started stays."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tools import command
from tools.command import CommandError

COMPILER = """go: downloading example.org/a v1.0.0
# example.org/a
../main.go:7:2: undefined: missing
../main.go:9:2: undefined: other
"""
PIP = """Collecting nothing
ERROR: Could not find a version that satisfies the requirement nothing==1
ERROR: No matching distribution found for nothing==1
"""
APT = "Reading package lists...\nE: Unable to locate package nothing\n"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (COMPILER, "../main.go:7:2: undefined: missing"),
        (PIP, "ERROR: Could not find a version that satisfies the requirement nothing==1"),
        (APT, "E: Unable to locate package nothing"),
        ("one\ntwo\n\n", "two"),
        ("", ""),
    ],
)
def test_the_telling_line_is_found(output: str, line: str) -> None:
    assert command.telling_line(output) == line


@pytest.mark.parametrize(
    "output",
    [
        "dial tcp: lookup example.org: no such host",
        "Temporary failure resolving: Temporary failure in name resolution",
        "pip: Max retries exceeded with url: /simple",
        "dial tcp 127.0.0.1:9: connect: connection refused",
    ],
)
def test_a_server_out_of_reach_is_told_from_a_build_that_fails(output: str) -> None:
    assert command.is_offline(output)
    assert not command.is_offline(COMPILER)


def test_output_goes_to_the_log_and_into_the_error(tmp_path: Path) -> None:
    log = tmp_path / "logs/x.log"
    command.run(["sh", "-c", "echo fine; echo $WORD"], log, env={"WORD": "here"})
    with pytest.raises(CommandError) as caught:
        command.run(["sh", "-c", "echo Error: broken >&2; exit 3"], log)
    assert caught.value.reason == "Error: broken"
    assert caught.value.log == log
    text = log.read_text()
    assert "fine\nhere\n" in text
    assert "Error: broken" in text
    # Of the error, only what the failed program said.
    assert "fine" not in caught.value.output


def test_a_program_that_says_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="false ended with code 1"):
        command.run(["false"], tmp_path / "x.log")


def test_read_returns_what_a_program_prints_or_tells_why_not() -> None:
    assert command.read(["echo", "a"]) == "a\n"
    with pytest.raises(CommandError, match="no good"):
        command.read(["sh", "-c", "echo no good >&2; exit 1"])


def test_all_that_runs_can_be_ended(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            command.run(["sleep", "600"], tmp_path / "x.log")
        except CommandError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        command.end_all()
        time.sleep(0.05)
    assert failures


def test_children_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = (
        "from pathlib import Path; from tools import command;"
        f"command.run(['sh', '-c', 'echo $$ > {mark}; exec sleep 600'], Path('{tmp_path}/x.log'))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    while not (mark.exists() and mark.read_text().strip()):
        time.sleep(0.02)
    child = Path("/proc", mark.read_text().strip())
    assert child.exists()
    parent.kill()
    parent.wait()
    for _ in range(200):
        if not child.exists() or "Z" in (child / "stat").read_text().split()[2]:
            return
        time.sleep(0.02)
    pytest.fail("the child lives on")
