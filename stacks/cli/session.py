"""Opens a stack: the environment of this checkout, and the stack in its local backend."""

from __future__ import annotations

from stacks import stack_files
from stacks.cli import recover, say
from stacks.cli.pulumi_cli import Pulumi
from tools import pulumi_home
from tools.errors import Problem, ProblemError
from tools.supply import Mode

PROJECT = "cnai"
"""Name of the project in Pulumi.yaml."""


def open_stack(stack: str, mode: Mode) -> Pulumi:
    """Return the Pulumi command for a stack that is there; it is made if it is new.

    Raises ProblemError: CNAI-PULUMI-004 when it cannot be made, -002 while another run makes it.
    """
    env = pulumi_home.prepare(mode)
    committed = stack_files.path(stack)
    pulumi = Pulumi(stack, env, pulumi_home.stack_file(stack, committed))
    if pulumi.ask("stack", "select").returncode == 0:
        return pulumi
    # A run that was killed at its very beginning left a lock and no state.
    for line in recover.unlock(stack):
        say.note("mended", line)
    # The salt of the passphrase lands beside this checkout's state, never in the committed file.
    made = pulumi.ask("stack", "init", cwd=pulumi_home.stack_project(PROJECT))
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
    return Pulumi(stack, env, pulumi_home.stack_file(stack, committed))
