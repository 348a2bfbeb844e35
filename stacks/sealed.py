"""Settings that are encrypted: each for one stack, and never handed to another in the clear. Pure.

Pulumi keeps a secret of a stack file as ``{secure: …}`` and gives the text to that stack's program
alone. To every other reader it is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.errors import Problem, ProblemError

CLOSED = "[secret]"
"""What stands for a secret where its text cannot be read."""


def closed(value: Any) -> Any:
    """Return settings with :data:`CLOSED` in the place of each encrypted text."""
    if isinstance(value, Mapping):
        if _encrypted(value):
            return CLOSED
        return {key: closed(one) for key, one in value.items()}
    return [closed(one) for one in value] if isinstance(value, list) else value


def encrypted(said: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Yield the paths of the encrypted texts of a file's ``config``, as Pulumi writes paths."""
    for key, value in said.items():
        path = f"{at}.{key}" if at else str(key)
        if isinstance(value, Mapping):
            if _encrypted(value):
                yield path
            else:
                yield from encrypted(value, path)


def _encrypted(value: Mapping[str, Any]) -> bool:
    return value.keys() == {"secure"}


def all_open(stack: str, values: Mapping[str, Any]) -> None:
    """Raise ProblemError (CNAI-CONFIG-006), a problem for each secret that is another stack's."""
    if problems := [_foreign(stack, path) for path in _paths(values, "cnai:")]:
        raise ProblemError(*problems)


def _paths(values: Mapping[str, Any], at: str) -> Iterator[str]:
    for key, value in values.items():
        if value == CLOSED:
            yield f"{at}{key}"
        elif isinstance(value, Mapping):
            yield from _paths(value, f"{at}{key}.")


def _foreign(stack: str, path: str) -> Problem:
    return Problem(
        "CNAI-CONFIG-006",
        f"{path} is a secret of a stack that `{stack}` extends",
        "it is encrypted for that stack alone",
        f"give this one its own: pulumi config set --secret --path '{path}' --stack {stack}",
        exit_code=2,
    )
