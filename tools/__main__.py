"""A small command line: what there is, and making some of it.

python -m tools list | ensure TARGET… | path TARGET
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from tools import supply
from tools.errors import ProblemError
from tools.supply import Mode

CANCELLED = 8
"""Exit code of a run that a person stops, as in the table of tools.errors."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.AUTO)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every target, and whether it is in the cache")
    ensure = commands.add_parser("ensure", help="build or fetch what is missing")
    ensure.add_argument("targets", nargs="+", metavar="TARGET")
    path = commands.add_parser("path", help="where a target lies; made when it is not there")
    path.add_argument("target", metavar="TARGET")
    asked = parser.parse_args(arguments)
    out = Console(soft_wrap=True, markup=False, highlight=False)
    try:
        if asked.command == "list":
            for name, place in sorted(supply.places(asked.mode).items()):
                out.print(f"{'cached ' if place.exists() else 'missing'}  {name}")
        elif asked.command == "ensure":
            supply.ensure(asked.targets, asked.mode)
        else:
            out.print(_path(asked.target, asked.mode))
    except ProblemError as error:
        Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return CANCELLED
    return 0


def _path(target: str, mode: Mode) -> str:
    kind, _, name = target.partition(":")
    if kind == "program":
        return str(supply.program(name, mode))
    if kind == "chart":
        return supply.chart(name, mode).chart
    image = supply.image(name, mode)
    return str(image.archive or image.ref)


if __name__ == "__main__":
    sys.exit(main())
