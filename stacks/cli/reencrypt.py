"""Secrets of a base for a stack of its own that is forked from it: each encrypted again, for it."""

from __future__ import annotations

from typing import Any

import yaml

from stacks import stack_files
from stacks.cli.session import open_stack
from stacks.sealed import encrypted
from tools.errors import Problem, ProblemError
from tools.supply import Mode


def reencrypt(base: str, stack: str, mode: Mode) -> list[str]:
    """Give a fork the secrets of its base and of what that extends; return their paths.

    The text goes from one run of Pulumi to the next by a pipe and is written nowhere. Raises
    ProblemError (CNAI-TEAM-018) for one that cannot be read or written.
    """
    source: str | None = base
    done: list[str] = []
    while source is not None:
        config = _config(source)
        for path in encrypted(config):
            if path not in done:
                _again(path, source, stack, mode)
                done.append(path)
        source = config.get(f"{stack_files.NAMESPACE}extends")
    return done


def _config(stack: str) -> dict[str, Any]:
    said = yaml.safe_load(stack_files.path(stack).read_text()) or {}
    return dict(said.get("config") or {})


def _again(path: str, source: str, stack: str, mode: Mode) -> None:
    of, to = (f"--config-file={stack_files.path(name)}" for name in (source, stack))
    read = open_stack(source, mode).ask("config", "get", "--path", path, of)
    if read.returncode:
        raise ProblemError(_failed(path, source, read.stderr))
    written = open_stack(stack, mode).ask(
        "config", "set", "--secret", "--path", path, to, told=read.stdout.removesuffix("\n")
    )
    if written.returncode:
        raise ProblemError(_failed(path, stack, written.stderr))


def _failed(path: str, stack: str, why: str) -> Problem:
    return Problem(
        "CNAI-TEAM-018",
        f"the secret {path} of `{stack}` cannot be encrypted again",
        " ".join(why.split())[-300:],
        "the passphrase has to be that of the base: PULUMI_CONFIG_PASSPHRASE_FILE names it",
        exit_code=3,
    )
