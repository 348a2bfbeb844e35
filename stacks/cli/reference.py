"""The page of all commands, made from what `cnai --help` is made from.

``python -m stacks.cli.reference`` writes docs/reference/cli.md.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import typer

from stacks.cli.app import app
from tools.paths import REPO

PAGE = REPO / "docs" / "reference" / "cli.md"
HEAD = """\
# The command `cnai`

`.cnai/venv/bin/cnai`, which `make bootstrap` makes. Progress is said on stderr, data on stdout;
colour and spinners are for terminals alone. Exit codes and error ids: [errors](errors.md).
`CNAI_HOME` moves what belongs to this checkout (`.cnai`), `CNAI_CACHE` what all checkouts share
(`~/.cache/cnai`), `CNAI_STACKS` the folder of stack files.

This page is made from the code by `make docs`.
"""


def page() -> str:
    """Return the page, a section for each command."""
    root: Any = typer.main.get_command(app)
    sections = [HEAD]
    for name, command in sorted(root.commands.items()):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        usage = " ".join(["cnai", name, *(f"[{a.name.upper()}]" for a in arguments)])
        sections += [f"## cnai {name}\n", f"`{usage}`\n", f"{command.help}\n"]
        if told := [_row(p) for p in (*arguments, *options) if p.name != "help"]:
            sections.append("\n".join(["| | | Default |", "|---|---|---|", *told]) + "\n")
    return "\n".join(sections)


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.name.upper()
    else:
        name = ", ".join(f"`{form}`" for form in (*parameter.opts, *parameter.secondary_opts))
    kind = parameter.type_descriptor.annotation
    known = list(kind) if isinstance(kind, type) and issubclass(kind, Enum) else []
    choices = [f"`{choice.value}`" for choice in known]
    said = " ".join([parameter.help or "", *([f"({', '.join(choices)})"] if choices else [])])
    default = getattr(parameter.default, "value", parameter.default)
    return f"| {name} | {said} | `{str(default).lower()}` |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
