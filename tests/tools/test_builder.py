"""The builder makes each thing once, keeps what is whole, and survives a kill."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import builder, catalog, command, go
from tools.errors import Problem, ProblemError
from tools.graph import Target, Workplace
from tools.paths import REPO
from tools.progress import Progress


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("CNAI_CACHE", str(place))
    return place


def target(
    name: str, build: Callable[[Workplace], None], *needs: str, heavy: bool = False
) -> Target:
    return Target(name, f"made/{name}-{{key}}", {"name": name}, build, needs=needs, heavy=heavy)


def writes(text: str) -> Callable[[Workplace], None]:
    def build(at: Workplace) -> None:
        at.out.write_text(text + "".join(sorted(path.read_text() for path in at.needs.values())))

    return build


def test_what_is_needed_is_built_first_and_handed_over() -> None:
    outcome = builder.build([target("top", writes("t"), "low"), target("low", writes("l"))])
    assert outcome.artifacts["top"].read_text() == "tl"
    assert outcome.cached == 0


def test_a_second_run_builds_nothing() -> None:
    made: list[str] = []

    def build(at: Workplace) -> None:
        made.append(at.out.name)
        at.out.mkdir()

    builder.build([target("a", build)])
    assert builder.build([target("a", build)]).cached == 1
    assert len(made) == 1


def test_nothing_is_left_beside_what_was_built(cache: Path) -> None:
    builder.build([target("a", writes("a"))])
    assert [path.name for path in (cache / "made").iterdir()] == [
        builder.places([target("a", writes("a"))])["a"].name
    ]


def test_one_failure_stops_only_what_needs_it(cache: Path) -> None:
    def fail(at: Workplace) -> None:
        at.out.write_text("half")
        command.run(["sh", "-c", "echo 'Error: no good'; exit 1"], at.log)

    wanted = [
        target("bad", fail),
        target("above", writes("x"), "bad"),
        target("beside", writes("b")),
        target("far", writes("f"), "beside"),
    ]
    with pytest.raises(ProblemError) as caught:
        builder.build(wanted)
    (problem,) = caught.value.problems
    assert (problem.id, problem.exit_code) == ("CNAI-SUPPLY-001", 1)
    assert "bad" in problem.what
    assert "Error: no good" in problem.why
    log = cache / "logs/bad.log"
    assert str(log) in problem.why
    assert "Error: no good" in log.read_text()
    at = builder.places(wanted)
    assert {name: place.exists() for name, place in at.items()} == {
        "bad": False,
        "above": False,
        "beside": True,
        "far": True,
    }
    assert not list((cache / "made").glob(".*"))


@pytest.mark.parametrize(
    ("script", "identity"),
    [
        ("echo 'dial tcp: lookup host: no such host'; exit 1", "CNAI-SUPPLY-002"),
        ("exit 1", "CNAI-SUPPLY-001"),
    ],
)
def test_failures_are_told_apart(script: str, identity: str) -> None:
    def build(at: Workplace) -> None:
        command.run(["sh", "-c", script], at.log)

    with pytest.raises(ProblemError) as caught:
        builder.build([target("a", build)])
    assert [problem.id for problem in caught.value.problems] == [identity]


def test_a_refusal_of_the_system_is_a_problem_with_its_words() -> None:
    def build(at: Workplace) -> None:
        (at.out / "no" / "such").write_text("x")

    with pytest.raises(ProblemError, match="No such file") as caught:
        builder.build([target("a", build)])
    assert caught.value.problems[0].id == "CNAI-SUPPLY-010"


def test_problems_of_a_build_are_passed_on_with_all_others() -> None:
    def refuse(at: Workplace) -> None:
        raise ProblemError(Problem("CNAI-SUPPLY-003", at.out.name, "why", "fix"))

    with pytest.raises(ProblemError) as caught:
        builder.build([target("a", refuse), target("b", refuse)])
    assert len(caught.value.problems) == 2


def test_heavy_builds_take_half_of_the_cores() -> None:
    now, most = 0, 0
    guard = threading.Lock()

    def build(at: Workplace) -> None:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with guard:
            now -= 1
        at.out.write_text("")

    builder.build([target(f"t{n}", build, heavy=True) for n in range(4)])
    assert most <= max(1, (os.cpu_count() or 2) // 2)


def test_light_builds_run_beside_each_other() -> None:
    both = threading.Barrier(2, timeout=30)

    def build(at: Workplace) -> None:
        both.wait()
        at.out.write_text("")

    outcome = builder.build([target("a", build), target("b", build)])
    # The barrier lets nobody through before both are at work, and breaks when one waits in vain.
    assert set(outcome.artifacts) == {"a", "b"}
    assert not both.broken


def test_two_processes_do_not_build_the_same(cache: Path) -> None:
    script = (
        "import time; from tools import builder; from tools.graph import Target\n"
        "def build(at):\n"
        f"    open('{cache}.count', 'a').write('x'); time.sleep(0.5); at.out.write_text('')\n"
        "builder.build([Target('a', 'made/a-{key}', {}, build)])\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", script], cwd=REPO) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert Path(f"{cache}.count").read_text() == "x"


def test_seconds_are_kept_for_the_benchmarks(cache: Path) -> None:
    builder.build([target("a", writes("a")), target("b", writes("b"))])
    assert set(json.loads((cache / "timings.json").read_text())) == {"a", "b"}


def test_what_is_told_adds_up() -> None:
    class Told(Progress):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def say(self, line: str) -> None:
            self.lines.append(line)

    builder.build([target("a", writes("a"))])
    told = Told()
    builder.build([target("a", writes("a")), target("b", writes("b"))], told)
    assert told.lines[0].startswith("built b in ")
    assert told.lines[-1].startswith("1 built, 1 from the cache, ")
    assert told.under_way() == []


def test_a_build_that_is_interrupted_ends_at_once_with_all_it_started(
    cache: Path, tmp_path: Path
) -> None:
    env = {**os.environ, "GOCACHE": str(tmp_path / "go")}
    words = [sys.executable, "-m", "tools", "--mode", "source", "ensure", "program:pause"]
    # Where tests run in the background of a shell, interrupts are ignored, by children as well.
    words = ["env", "--default-signal=INT", *words]
    run = subprocess.Popen(words, cwd=REPO, env=env, stderr=subprocess.PIPE)
    log = cache / "logs/program-pause.log"
    while not (log.exists() and "go build" in log.read_text()):
        assert run.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.01)
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 8
    assert list((cache / "programs").iterdir()) == []


def test_a_killed_build_is_finished_by_the_next(cache: Path, tmp_path: Path) -> None:
    """Of a real program: its compiler is killed with an empty cache, hence in the midst."""
    env = {**os.environ, "GOCACHE": str(tmp_path / "go")}
    words = [sys.executable, "-m", "tools", "--mode", "source", "ensure", "program:pause"]
    first = subprocess.Popen(words, cwd=REPO, env=env, start_new_session=True)
    while not list((cache / "programs").glob(".pause-*/source/main.go")):
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wanted = go.target(catalog.load().programs["pause"])
    place = builder.places([wanted])[wanted.name]
    assert not place.exists()
    assert list((cache / "programs").glob(".pause-*")), "the half-made folder is still there"

    second = subprocess.run(words, cwd=REPO, env=env, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert "1 built, 0 from the cache" in second.stderr
    assert [path.name for path in (cache / "programs").iterdir()] == [place.name]
    held = subprocess.Popen([place / "pause"])
    assert held.poll() is None
    held.terminate()
    # Told so before it listens, it ends by the signal itself.
    assert held.wait(timeout=60) in {0, -signal.SIGTERM}
