"""`cnai down`: take a stack away until nothing is left of it but the cache."""

from __future__ import annotations

import shutil
import time

from components.clusters.kind import folder, kubeconfig_file, nodes, ours, remove
from stacks import stack_files
from stacks.cli import say
from stacks.cli.pulumi_cli import Pulumi
from stacks.cli.session import open_stack
from stacks.cli.teams import forks
from stacks.cli.up import failed, mend
from stacks.compose import facts_of
from stacks.teams import is_tenant
from tools import engine, supply
from tools.errors import Problem, ProblemError

LEFT_OVER = "CNAI-KIND-004"


def down(stack: str) -> int:
    """Destroy a stack and say what is left. Raises ProblemError (CNAI-KIND-004) if anything is."""
    began = time.monotonic()
    settings = stack_files.settings(stack)
    mode = supply.resolve(settings.supply)
    supply.ensure(["program:pulumi", "program:pulumi-kubernetes", "program:kind"], mode)
    pulumi = open_stack(stack, mode)
    for line in mend(pulumi, stack, settings):
        say.note("mended", line)
    say.step("down", f"stack {stack} with all that lives in its cluster")
    if teams := guests(stack):
        say.note("down", f"teams go with it: {', '.join(teams)}; `cnai archive` writes down a team")
    code, progress = pulumi.run("destroy", say=lambda line: say.line("down", line))
    if code:
        raise ProblemError(failed("destroy", progress, code, pulumi))
    # The stack goes; what it said, its file, stays.
    pulumi.ask("stack", "rm", "--yes", "--preserve-config")
    _sweep(stack, facts_of(stack, settings).name, pulumi)
    took = time.monotonic() - began
    say.done("down", f"{progress.changed} resources went; nothing is left ({took:.0f} s)")
    return 0


def guests(stack: str) -> list[str]:
    """Return the stacks of teams that are on the cluster of a stack."""
    return [
        name
        for name, settings in forks().items()
        if settings.extends == stack and is_tenant(settings) and kubeconfig_file(name).exists()
    ]


def _sweep(stack: str, cluster: str, pulumi: Pulumi) -> None:
    """Remove what a run that was killed before it wrote its state left; check that all is gone."""
    found = engine.find()
    told = [n for n in nodes(found, cluster) if ours(n, folder(stack))] if found else []
    if found and told:
        remove(found, cluster)
    kubeconfig_file(stack).unlink(missing_ok=True)
    pulumi.log.unlink(missing_ok=True)
    mark = folder(stack)
    shutil.rmtree(mark, ignore_errors=True)
    engine.stop_if_idle()
    found = engine.find()
    left = [n for n in nodes(found, cluster) if ours(n, mark)] if found else []
    if left:
        raise ProblemError(
            Problem(
                LEFT_OVER,
                f"{len(left)} nodes of cluster `{cluster}` are still there",
                "the engine did not remove them",
                f"kind delete cluster --name {cluster}",
                exit_code=4,
            )
        )
