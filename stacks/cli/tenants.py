"""`cnai up`, `archive` and `down` of a stack that is a place on the cluster of its base."""

from __future__ import annotations

import time
from pathlib import Path

from components.api_server import PASSING, ApiServer
from components.clusters.kind import kubeconfig_file
from stacks import stack_files
from stacks.cli import recover, say
from stacks.cli.archive import archive as write_archive
from stacks.cli.archive import kept
from stacks.cli.gates import pack_arguments
from stacks.cli.member import write_kubeconfig
from stacks.cli.pulumi_cli import Pulumi
from stacks.cli.session import open_stack
from stacks.cli.up import NO_CHANGES, failed
from stacks.settings import Settings
from stacks.teams import checked, is_tenant
from tools import engine, supply
from tools.errors import Problem, ProblemError

QUICK = 10.0
"""Seconds within which the API server of the base answers."""


def up(stack: str, settings: Settings) -> int:
    """Bring a team's place up; its base has to be up. Raises ProblemError (CNAI-TEAM-009)."""
    began = time.monotonic()
    base, team = str(settings.extends), settings.team
    assert team is not None
    checked(stack, stack_files.read(stack) or {}, settings, stack_files.settings(base))
    mode = supply.resolve(settings.supply)
    supply.ensure(["program:pulumi", "program:pulumi-kubernetes"], mode)
    engine.ensure()
    answers(base)
    pulumi = open_stack(stack, mode)
    for line in [*recover.unlock(stack), *_forgotten(pulumi)]:
        say.note("mended", line)
    say.step("up", f"team {team.name} on the cluster of {base}")
    code, progress = pulumi.run(
        "up",
        *pack_arguments(stack, settings),
        say=lambda line: say.line("up", line),
    )
    if code:
        raise ProblemError(failed("up", progress, code, pulumi))
    file = write_kubeconfig(stack, base, team.name)
    changes = f"{progress.changed} changes" if progress.changed else NO_CHANGES
    took = time.monotonic() - began
    say.done("up", f"{changes}; {progress.resources} resources ({took:.0f} s)")
    say.out.print(f"\n  {'namespace':<11} {team.name}\n  {'kubeconfig':<11} {file}")
    say.out.print(f"\nNext: work as a member of {team.name}")
    say.out.print(f'  eval "$(.cnai/venv/bin/cnai env {stack})"')
    return 0


def down(stack: str, settings: Settings, *, archived: bool = True) -> int:
    """Take a team's place away, archived first; base and siblings stay as they are."""
    began = time.monotonic()
    base = str(settings.extends)
    if archived:
        _archived(stack, settings)
    mode = supply.resolve(settings.supply)
    supply.ensure(["program:pulumi", "program:pulumi-kubernetes"], mode)
    pulumi = open_stack(stack, mode)
    for line in [*recover.unlock(stack), *_forgotten(pulumi)]:
        say.note("mended", line)
    if not kubeconfig_file(base).exists() and (went := recover.forget_cluster(pulumi)):
        say.note("mended", f"the cluster of {base} is gone: forgot the {went} resources in it")
    say.step("down", f"team {stack} with all that is its own; {base} stays")
    code, progress = pulumi.run("destroy", say=lambda line: say.line("down", line))
    if code:
        raise ProblemError(failed("destroy", progress, code, pulumi))
    pulumi.ask("stack", "rm", "--yes", "--preserve-config")
    kubeconfig_file(stack).unlink(missing_ok=True)
    pulumi.log.unlink(missing_ok=True)
    took = time.monotonic() - began
    say.done("down", f"{progress.changed} resources went ({took:.0f} s)")
    return 0


def archive(stack: str, settings: Settings, to: Path | None) -> int:
    """Archive what a team has; print the folder alone on stdout."""
    if is_tenant(settings):
        answers(str(settings.extends))
    say.out.print(str(write_archive(stack, settings, to)), markup=False)
    return 0


def _archived(stack: str, settings: Settings) -> None:
    base = str(settings.extends)
    if not kubeconfig_file(base).exists():
        say.note("archive", f"there is nothing to archive: the cluster of {base} is gone")
        return
    try:
        answers(base)
        write_archive(stack, settings)
    except ProblemError as error:
        raise ProblemError(*[kept(problem, stack) for problem in error.problems]) from None


def answers(base: str) -> None:
    """Raise ProblemError (CNAI-TEAM-009) when the cluster of the base does not answer."""
    file = kubeconfig_file(base)
    why = "it has no kubeconfig: it is not up"
    if file.exists():
        try:
            ApiServer(file.read_text(), limit=QUICK).text("/readyz")
        except PASSING as error:
            why = str(error)
        else:
            return
    raise ProblemError(
        Problem(
            "CNAI-TEAM-009",
            f"the base `{base}` does not answer",
            why,
            f"bring it up first: cnai up {base}",
            exit_code=4,
        )
    )


def _forgotten(pulumi: Pulumi) -> list[str]:
    return [f"forgot an operation that never ended: {p}" for p in recover.forget_pending(pulumi)]
