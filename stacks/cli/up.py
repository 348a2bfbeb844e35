"""`cnai up`: look at the machine, get what is missing, bring the stack up, say what is next."""

from __future__ import annotations

import time

from addons import catalogue
from components.clusters.kind import (
    complete,
    folder,
    kubeconfig_file,
    nodes,
    ours,
    start_stopped,
)
from stacks import stack_files
from stacks.cli import login, ready, recover, say
from stacks.cli.events import Progress
from stacks.cli.gates import pack_arguments
from stacks.cli.installed import installed, leaving
from stacks.cli.pulumi_cli import Pulumi
from stacks.cli.session import open_stack
from stacks.cli.targets import images, targets
from stacks.compose import chosen, facts_of
from stacks.settings import Settings
from tools import engine, host, node_image, supply
from tools.errors import Problem, ProblemError
from tools.paths import REPO

NO_CHANGES = "no changes"
STARTED = "started"


def up(stack: str) -> int:
    """Bring a stack up; return the exit code. Raises ProblemError before anything was changed."""
    began = time.monotonic()
    settings = stack_files.settings(stack)
    mode = supply.resolve(settings.supply)
    preflight(stack, settings)
    say.step("supply", f"programs, charts and images: {mode.value}")
    supply.ensure(targets(settings, mode), mode)
    pulumi = open_stack(stack, mode)
    mended = mend(pulumi, stack, settings)
    for line in mended:
        say.note("mended", line)
    # Nodes that run have their image; what other addons need is loaded into them.
    if not complete(nodes(engine.ensure(), facts_of(stack, settings).name), settings.workers):
        with say.waiting("making the image of the nodes"):
            node_image.build(engine.ensure(), mode, images(settings, mode))
    if goes := leaving(installed(stack), chosen(settings, mode), catalogue()):
        say.note("up", goes)
    say.step("up", f"stack {stack}; the engine's own words go to {_short(pulumi)}")
    code, progress = pulumi.run(
        "up",
        *pack_arguments(stack, settings),
        say=lambda line: say.line("up", line),
    )
    if code:
        raise ProblemError(failed("up", progress, code, pulumi))
    if any(line.startswith(STARTED) for line in mended):
        with say.waiting("waiting until the addons answer again"):
            held = ready.wait(stack, settings, kubeconfig_file(stack))
        say.done("up", f"the addons answer again ({held} claims held)")
    took = time.monotonic() - began
    same, changes = f"{progress.resources} resources", f"{progress.changed} changes"
    say.done("up", f"{changes if progress.changed else NO_CHANGES}; {same} ({took:.0f} s)")
    next_steps(stack, settings)
    return 0


def preflight(stack: str, settings: Settings) -> None:
    """Check the machine. Ports count as free when our own cluster holds them."""
    mode = supply.resolve(settings.supply)
    found = engine.find()
    told = nodes(found, facts_of(stack, settings).name) if found else []
    held = bool(told) and all(ours(node, folder(stack)) for node in told)
    missing = supply.missing(targets(settings, mode), mode)
    wanted = host.Wanted(
        ports=() if held else tuple(settings.ports.values()),
        cluster=not held,
        builds=missing.targets > 0,
        compiled=missing.compiled,
    )
    machine = host.read()
    problems = host.preflight(machine, wanted)
    stopping = [p for p in problems if p.exit_code]
    for warning in (p for p in problems if not p.exit_code):
        say.note("doctor", f"{warning.what}: {warning.fix}  [{warning.id}]".replace("[", "\\["))
    if stopping:
        raise ProblemError(*stopping)
    say.done("doctor", host.summary(machine))


def mend(pulumi: Pulumi, stack: str, settings: Settings) -> list[str]:
    """Mend what a killed run or a hand behind our back left; return what was done."""
    done = recover.unlock(stack)
    done += [f"forgot an operation that never ended: {p}" for p in recover.forget_pending(pulumi)]
    found, cluster = engine.ensure(), facts_of(stack, settings).name
    if started := start_stopped(found, cluster, settings.workers):
        done.append(f"{STARTED} {started} nodes that were stopped")
    there = nodes(found, cluster)
    # All that lived in a cluster is gone with it: the state forgets the one with the other. A
    # cluster that lost a node is none either: what is left of it is removed when it is made anew.
    if not complete(there, settings.workers) and (went := recover.forget_cluster(pulumi)):
        done.append(f"the cluster is gone or lost a node: forgot the {went} resources in it")
    return done


def failed(verb: str, progress: Progress, code: int, pulumi: Pulumi) -> Problem:
    """Say why the engine ended with an error."""
    if progress.violations:
        return Problem(
            "CNAI-PULUMI-003",
            f"a mandatory policy refuses stack `{pulumi.stack}`",
            " · ".join(progress.violations),
            "mend what the rule names; docs/reference/policies.md says what each one wants",
            exit_code=5,
        )
    return Problem(
        "CNAI-PULUMI-001",
        f"`pulumi {verb}` of stack `{pulumi.stack}` did not end well",
        progress.errors[0] if progress.errors else f"exit code {code}",
        f"mend the cause and run the same command again; all that was said is in {_short(pulumi)}",
        exit_code=code,
    )


def next_steps(stack: str, settings: Settings) -> None:
    """Print where things are and what to type next."""
    say.out.print()
    for name, port in settings.ports.items():
        say.out.print(f"  {name:<11} http://localhost:{port}{_logged_in(stack, settings, name)}")
    say.out.print(f"  {'kubeconfig':<11} {kubeconfig_file(stack)}")
    say.out.print(
        "\nNext: train a model on two nodes, and see its run in MLflow (docs/golden-path.md)"
    )
    say.out.print(f'  eval "$(.cnai/venv/bin/cnai env {stack})"')
    say.out.print("  python docs/examples/train_digits.py")


def _logged_in(stack: str, settings: Settings, endpoint: str) -> str:
    if endpoint != login.SECRET:
        return ""
    return f"  (user {login.namespace(settings)}; `cnai env {stack}` has its password)"


def _short(pulumi: Pulumi) -> str:
    try:
        return str(pulumi.log.relative_to(REPO))
    except ValueError:
        return str(pulumi.log)
