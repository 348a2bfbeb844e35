"""`cnai promote` and `cnai extend`: change stack files, and nothing else.

What they change is under version control like every file here; `cnai up` makes it so.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from stacks import edits, forking, sealed, stack_files
from stacks.cli import say
from stacks.cli.fork import today
from stacks.settings import Settings, inherited, load
from tools.errors import Problem, ProblemError


def promote(stack: str) -> int:
    """Write what a fork says otherwise into the file of its base.

    Raises ProblemError: CNAI-TEAM-016 for a stack that is nobody's fork, CNAI-TEAM-017 for a
    secret, CNAI-CONFIG-001 when the base would say what cannot be.
    """
    settings = forked(stack)
    base = str(settings.extends)
    own = edits.offered(stack_files.read(stack) or {})
    below = stack_files.read(base) or {}
    lines = forking.differences(below, own)
    if not lines:
        say.note("promote", f"{stack} says nothing that {base} does not")
        return 7
    if any(sealed.CLOSED in line for line in lines):
        raise ProblemError(_secret(stack, base))
    text = edits.promoted(stack_files.path(base).read_text(), own)
    load(inherited(base, {**below, **stack_files.parsed(text)}, stack_files.read))
    _write(stack_files.path(base), text)
    _write(stack_files.path(stack), edits.without(stack_files.path(stack).read_text(), own))
    say.done("promote", f"{base} says what {stack} said; {stack} has it from there")
    for line in lines:
        say.line("promote", f" {line}")
    others = [n for n in _children(base) if n != stack]
    if others:
        say.note("promote", f"flows down to {', '.join(others)} as well")
    say.out.print(f"\nNext: look at it, and bring it up\n  git diff\n  cnai up {base}")
    return 0


def extend(stack: str, ttl: str) -> int:
    """Give a fork another last day, counted from today.

    Raises ProblemError: CNAI-TEAM-007 for what is no time to live, CNAI-TEAM-016 as above.
    """
    settings = forked(stack)
    assert settings.team is not None
    until: date = forking.until(ttl, today())
    path = stack_files.path(stack)
    _write(path, edits.extended(path.read_text(), until))
    before = f", was {settings.team.expires}" if settings.team.expires else ""
    say.done("extend", f"{stack} is wanted until {until}{before}")
    return 0


def forked(stack: str) -> Settings:
    """Return the settings of a fork. Raises ProblemError (CNAI-TEAM-016) for any other stack."""
    settings = stack_files.settings(stack)
    own = stack_files.read(stack) or {}
    if "team" not in own or "extends" not in own:
        raise ProblemError(
            Problem(
                "CNAI-TEAM-016",
                f"stack `{stack}` is no team's fork",
                "its file says neither `cnai:team` nor what it extends, or not both",
                "name a fork: `cnai teams` lists them",
                exit_code=2,
            )
        )
    return settings


def _children(base: str) -> list[str]:
    return [n for n in stack_files.names() if (stack_files.read(n) or {}).get("extends") == base]


def _secret(stack: str, base: str) -> Problem:
    return Problem(
        "CNAI-TEAM-017",
        f"what `{stack}` says holds a secret",
        "it is encrypted for that stack alone and is not written into another's file",
        f"set it in the base by hand: pulumi config set --secret --path … --stack {base}",
        exit_code=2,
    )


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    # A reader sees the one or the other, never half of either.
    new.replace(path)
