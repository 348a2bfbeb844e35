"""Opens a stack: the environment of this checkout, and the stack in its local backend."""

from __future__ import annotations

from stacks.cli.pulumi_cli import Pulumi
from tools import pulumi_home
from tools.errors import Problem, ProblemError
from tools.supply import Mode


def open_stack(stack: str, mode: Mode) -> Pulumi:
    """Return the Pulumi command for a stack that is there; it is made if it is new.

    Raises ProblemError (CNAI-PULUMI-004) when it cannot be made.
    """
    pulumi = Pulumi(stack, pulumi_home.prepare(mode))
    made = pulumi.ask("stack", "select", "--create")
    if made.returncode:
        raise ProblemError(
            Problem(
                "CNAI-PULUMI-004",
                f"stack `{stack}` cannot be opened",
                " ".join((made.stderr or made.stdout).split())[-300:],
                "mend what it names; the local backend is .cnai/state",
                exit_code=1,
            )
        )
    return pulumi
