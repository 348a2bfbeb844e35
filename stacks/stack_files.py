"""Reads stack files: what each says of the namespace ``cnai``, without an engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from stacks.sealed import closed
from stacks.settings import Settings, inherited, load
from tools.errors import Problem, ProblemError
from tools.paths import REPO

STACKS = Path(os.environ.get("CNAI_STACKS") or REPO / "stacks")
"""Where stack files are; ``CNAI_STACKS`` names another folder, for stacks kept elsewhere."""
NAMESPACE = "cnai:"


def names() -> list[str]:
    """Return the stacks that have a file, in alphabetical order."""
    return sorted(path.name.split(".")[1] for path in STACKS.glob("Pulumi.*.yaml"))


def path(stack: str) -> Path:
    """Return where the file of a stack is, or would be."""
    return STACKS / f"Pulumi.{stack}.yaml"


def read(stack: str) -> dict[str, Any] | None:
    """Return what a stack's own file says, without the namespace; None when there is no file.

    Secrets are closed: their text is for the stack's own program. Raises ProblemError
    (CNAI-CONFIG-004) for a file that is no YAML mapping.
    """
    file = path(stack)
    if not file.is_file():
        return None
    try:
        return parsed(file.read_text())
    except (yaml.YAMLError, AttributeError) as error:
        raise ProblemError(
            Problem(
                "CNAI-CONFIG-004",
                f"{file} cannot be read",
                " ".join(str(error).split())[:300],
                "write it as YAML: `config:` and below it keys that begin with `cnai:`",
                exit_code=2,
            )
        ) from None


def parsed(text: str) -> dict[str, Any]:
    """Return what the text of a stack file says, without the namespace; secrets are closed."""
    said = (yaml.safe_load(text) or {}).get("config") or {}
    own = {k.removeprefix(NAMESPACE): v for k, v in said.items() if k.startswith(NAMESPACE)}
    return {key: closed(value) for key, value in own.items()}


def settings(stack: str) -> Settings:
    """Return the checked settings of a stack. Raises ProblemError (CNAI-CONFIG-00x)."""
    said = read(stack)
    if said is None:
        raise ProblemError(
            Problem(
                "CNAI-CONFIG-005",
                f"there is no stack `{stack}`",
                f"stacks/ has files for: {', '.join(names())}",
                f"write stacks/Pulumi.{stack}.yaml or name one that is there",
                exit_code=6,
            )
        )
    return load(inherited(stack, said, read))
