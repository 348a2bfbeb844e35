"""How the command speaks: progress on stderr, data on stdout, problems in four lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType

from tools.errors import Problem

err = Console(stderr=True, highlight=False, soft_wrap=True)
out = Console(highlight=False, soft_wrap=True)
WIDE = 160
"""Columns of a view of several tables."""


def step(name: str, text: str) -> None:
    """Say what is being done."""
    err.print(f"[bold]{name:>8}[/]  {text}")


def done(name: str, text: str) -> None:
    """Say what was done; the mark says it without colour too."""
    err.print(f"[bold]{name:>8}[/]  [green]✓[/] {text}")


def line(name: str, text: str) -> None:
    """Say a line of a run: what begins with blanks belongs to the line before it."""
    if text.startswith(" "):
        err.print(f"{'':>8}  {_plain(text)}", style="dim")
    else:
        done(name, text)


def note(name: str, text: str) -> None:
    """Say what deserves attention and stops nothing."""
    err.print(f"[bold]{name:>8}[/]  [yellow]![/] {text}")


def problem(found: Problem) -> None:
    """Print one problem: what, why, fix, more."""
    err.print(f"[red]✗ {found.id}[/]  [bold]{_plain(found.what)}[/]")
    err.print(f"    why   {_plain(found.why)}")
    err.print(f"    fix   {_plain(found.fix)}")
    err.print(f"    more  {found.more}")


def data(value: Any) -> None:
    """Print a result as JSON."""
    out.print_json(json.dumps(value))


def wide(shown: RenderableType) -> None:
    """Print a view in its own width: what a narrow terminal would cut off cannot be read."""
    Console(highlight=False, width=max(WIDE, out.width)).print(shown)


def data_text(text: str) -> None:
    """Print a result that is JSON already."""
    out.print_json(text)


def data_line(text: str) -> None:
    """Print a result that is JSON already on one line, and see that it leaves at once."""
    out.print(text, markup=False)
    out.file.flush()


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show a spinner on a terminal, and nothing in a log."""
    if err.is_terminal:
        with err.status(text):
            yield
    else:
        yield


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
