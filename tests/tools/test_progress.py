"""What a person sees: durations, the last line of a log, the right form for where it goes."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tools import progress
from tools.progress import Lines, Screen


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (8, "8 s"), (59.6, "1 min 0 s"), (252, "4 min 12 s"), (3600, "60 min 0 s")],
)
def test_durations_are_said_as_a_person_does(seconds: float, text: str) -> None:
    assert progress.spoken(seconds) == text


def test_the_last_line_of_a_log_is_its_last_with_words(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert progress.last_line(log) == ""
    log.write_text("one\n" + "x" * 9000 + "\ntwo\n\n+ go build\n")
    assert progress.last_line(log) == "two"


def test_a_terminal_gets_a_table_and_a_log_gets_lines() -> None:
    assert isinstance(progress.on(Console(force_terminal=True)), Screen)
    assert isinstance(progress.on(Console(file=io.StringIO())), Lines)


def test_lines_tell_of_each_end_and_of_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_HEARTBEAT_SECONDS", 0.01)
    out = io.StringIO()
    shown = Lines(Console(file=out, width=200))
    with shown.showing(total=2, usual={"program:a": 90.0}):
        shown.began("program:a", tmp_path / "a.log")
        while "of some 1 min 30 s" not in out.getvalue():
            pass
        shown.ended("program:a", 61.0)
        shown.ended("program:b", None)
    shown.finish(built=1, cached=3, failed=1)
    text = out.getvalue()
    assert "… 0 of 2, at work: program:a (0 s of some 1 min 30 s)" in text
    assert "built program:a in 1 min 1 s\nfailed program:b\n" in text
    assert "1 built, 3 from the cache, 1 failed, 0 s\n" in text


def test_the_screen_shows_what_is_at_work_and_what_it_says(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    shown = Screen(console)
    (tmp_path / "a.log").write_text("compiling [this]\n")
    shown.total = 3
    shown.began("program:a", tmp_path / "a.log")
    with console.capture() as capture:
        console.print(shown.picture())
    assert "0 of 3" in capture.get()
    assert "program:a" in capture.get()
    assert "compiling [this]" in capture.get()
