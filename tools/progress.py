"""What a person sees while things are built: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

_HEARTBEAT_SECONDS = 30.0
_TAIL_BYTES = 4096


class Progress:
    """What is under way, kept so that it can be shown; called from several threads."""

    def __init__(self) -> None:
        """Start with nothing under way."""
        self.total = 0
        self.usual: Mapping[str, float] = {}
        self.running: dict[str, tuple[float, Path]] = {}
        self.done = 0
        self.start = time.monotonic()
        self.guard = threading.Lock()

    @contextlib.contextmanager
    def showing(self, total: int, usual: Mapping[str, float]) -> Iterator[None]:
        """Show progress while the block runs; ``usual`` is what each took before, in seconds."""
        self.total, self.usual, self.start = total, usual, time.monotonic()
        yield

    def began(self, name: str, log: Path) -> None:
        """Say that a build has begun and where its output goes."""
        with self.guard:
            self.running[name] = (time.monotonic(), log)

    def ended(self, name: str, seconds: float | None) -> None:
        """Say that a build has ended after so many seconds, or failed (``None``)."""
        with self.guard:
            self.running.pop(name, None)
            self.done += 1
        self.say(f"failed {name}" if seconds is None else f"built {name} in {spoken(seconds)}")

    def finish(self, built: int, cached: int, failed: int) -> None:
        """Say what came of it in one line."""
        parts = [f"{built} built", f"{cached} from the cache"]
        if failed:
            parts.append(f"{failed} failed")
        self.say(f"{', '.join(parts)}, {spoken(time.monotonic() - self.start)}")

    def say(self, line: str) -> None:
        """Show one line that stays."""

    def under_way(self) -> list[tuple[str, float, float | None, Path]]:
        """Return name, seconds so far, usual seconds and log of what runs, the oldest first."""
        now = time.monotonic()
        with self.guard:
            return [
                (name, now - since, self.usual.get(name), log)
                for name, (since, log) in self.running.items()
            ]


class Silent(Progress):
    """Shows nothing."""


class Lines(Progress):
    """Plain lines and a sign of life every half minute: for logs and CI."""

    def __init__(self, console: Console) -> None:
        """Write to ``console``."""
        super().__init__()
        self.console = console

    def say(self, line: str) -> None:
        """Write the line."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def showing(self, total: int, usual: Mapping[str, float]) -> Iterator[None]:
        """Write a heartbeat while the block runs."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(_HEARTBEAT_SECONDS):
                now = [f"{name} ({spoken(s)}{_of(u)})" for name, s, u, _ in self.under_way()]
                self.say(f"  … {self.done} of {self.total}, at work: {', '.join(now) or 'waiting'}")

        with super().showing(total, usual):
            thread = threading.Thread(target=beat, daemon=True)
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()


class Screen(Progress):
    """A table of what is at work, with the last line of its output, drawn anew all the while."""

    def __init__(self, console: Console) -> None:
        """Draw on ``console``, which must be a terminal."""
        super().__init__()
        self.console = console
        self.live = Live(console=console, get_renderable=self.picture, transient=True)

    def say(self, line: str) -> None:
        """Write the line above the table."""
        self.console.print(line, markup=False, highlight=False)

    @contextlib.contextmanager
    def showing(self, total: int, usual: Mapping[str, float]) -> Iterator[None]:
        """Draw while the block runs."""
        with super().showing(total, usual), self.live:
            yield

    def picture(self) -> Group:
        """Return what is drawn now."""
        now = self.under_way()
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(no_wrap=True, min_width=max((len(name) for name, *_ in now), default=0))
        table.add_column(no_wrap=True, min_width=len("10 min 10 s of some 10 min 10 s"))
        table.add_column(no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
        for name, seconds, usual, log in now:
            table.add_row(name, f"{spoken(seconds)}{_of(usual)}", Text(last_line(log)))
        whole = spoken(time.monotonic() - self.start)
        return Group(Text(f"{self.done} of {self.total} · {whole}"), table)


def on(console: Console | None = None) -> Progress:
    """Return the progress that fits where the standard error stream leads to."""
    console = console or Console(stderr=True)
    return Screen(console) if console.is_terminal else Lines(console)


def spoken(seconds: float) -> str:
    """Return a duration as a person says it: ``8 s``, ``4 min 12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def last_line(log: Path) -> str:
    """Return the last line that a build wrote, or nothing; what it was called with is no line."""
    try:
        with log.open("rb") as source:
            source.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = source.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    said = (line.strip() for line in reversed(lines) if not line.startswith("+ "))
    return next((line for line in said if line), "")


def _of(usual: float | None) -> str:
    return f" of some {spoken(usual)}" if usual and usual >= 1 else ""
