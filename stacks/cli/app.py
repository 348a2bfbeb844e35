"""`cnai`: bring a stack up, look at it, take it away.

\b
Examples:
  cnai up kind          bring up the laptop platform (what `make up` does)
  cnai status kind      show what is wanted, installed, deployed and ready
  cnai explain kind     show every setting of a stack and who says it
  cnai down kind        take it away; nothing is left
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from addons import pins
from components.clusters.kind import kubeconfig_file
from stacks import stack_files
from stacks.cli import audits, changes, login, say, tenants
from stacks.cli import teams as show_teams
from stacks.cli.audits import Stack
from stacks.cli.down import down as take_down
from stacks.cli.fork import described
from stacks.cli.fork import fork as make_fork
from stacks.cli.member import write_kubeconfig
from stacks.cli.status import Output
from stacks.cli.status import status as show
from stacks.cli.targets import targets
from stacks.cli.up import preflight
from stacks.cli.up import up as bring_up
from stacks.settings import origins
from stacks.team_settings import Mode
from stacks.teams import is_tenant
from tools import pulumi_home, supply
from tools.errors import ProblemError
from tools.paths import home

app = typer.Typer(
    help=__doc__,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Archive = Annotated[bool, typer.Option(help="Write what a team has to files before it goes.")]


@app.command()
def up(stack: Stack = "kind") -> None:
    """Bring a stack up; a second run changes nothing."""
    settings = stack_files.settings(stack)
    code = tenants.up(stack, settings) if is_tenant(settings) else bring_up(stack)
    raise typer.Exit(code)


@app.command()
def down(stack: Stack = "kind", *, archive: Archive = True) -> None:
    """Take a stack away with all that lives in its cluster; a team's place is archived first."""
    raise typer.Exit(_down(stack, archive=archive))


def _down(stack: str, *, archive: bool) -> int:
    settings = stack_files.settings(stack)
    if is_tenant(settings):
        return tenants.down(stack, settings, archived=archive)
    return take_down(stack)


@app.command("archive")
def write_archive(
    stack: Stack,
    to: Annotated[
        Path | None, typer.Option(help="Folder that the archive gets one of its own in.")
    ] = None,
) -> None:
    """Write what a team has in MLflow, Feast and the object store to files; nothing goes."""
    raise typer.Exit(tenants.archive(stack, stack_files.settings(stack), to))


@app.command()
def fork(  # noqa: PLR0913  one for each option
    base: Stack,
    *,
    team: Annotated[str, typer.Option(help="Name of the team; its stack is called TEAM-BASE.")],
    mode: Annotated[
        Mode, typer.Option(help="A place on the cluster of the base, or a cluster of its own.")
    ] = Mode.TENANT,
    gpus: Annotated[int | None, typer.Option(help="Accelerators, and what is around them.")] = None,
    cpu: Annotated[str | None, typer.Option(help="Cores on other nodes: 500m, 2.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory on other nodes: 2Gi.")] = None,
    budget: Annotated[float | None, typer.Option(help="USD in a calendar month.")] = None,
    stop_at_budget: Annotated[
        bool, typer.Option(help="Admit nothing more when the budget is spent; what runs goes on.")
    ] = False,
    ttl: Annotated[str | None, typer.Option(help="How long it is wanted: 30d, 6w.")] = None,
    members: Annotated[
        list[str] | None, typer.Option(help="A user, or group:NAME; may be said again.")
    ] = None,
) -> None:
    """Fork a stack for a team: write what differs, and say what it gets."""
    said = described(
        base,
        team=team,
        mode=mode,
        gpus=gpus,
        cpu=cpu,
        memory=memory,
        budget=budget,
        stops=stop_at_budget,
        ttl=ttl,
        members=members or [],
    )
    raise typer.Exit(make_fork(base, said))


@app.command()
def diff(stack: Stack) -> None:
    """Show how the stack of a team differs from its base."""
    raise typer.Exit(show_teams.diff(stack))


@app.command()
def promote(stack: Stack) -> None:
    """Write what a team's stack says otherwise into the file of its base."""
    raise typer.Exit(changes.promote(stack))


@app.command()
def extend(
    stack: Stack,
    ttl: Annotated[str, typer.Option(help="How long it is wanted from today: 30d, 6w.")],
) -> None:
    """Give a team's stack another last day."""
    raise typer.Exit(changes.extend(stack, ttl))


@app.command()
def teams(
    output: Annotated[
        Output, typer.Option("--output", "-o", help="Form of the report.")
    ] = Output.TABLE,
) -> None:
    """List teams: what they use of their quota, what they spent this month, until when."""
    raise typer.Exit(show_teams.show(as_json=output is Output.JSON))


@app.command()
def expired(
    destroy: Annotated[bool, typer.Option(help="Take them away.")] = False,
    *,
    archive: Archive = True,
) -> None:
    """List the stacks of teams whose last day is over."""
    for stack in show_teams.expired():
        say.out.print(stack)
        if destroy:
            _down(stack, archive=archive)
            # A stack that is over for good is nobody's any more: else it would be listed for ever.
            stack_files.path(stack).unlink()


@app.command()
def status(
    stack: Stack = "kind",
    output: Annotated[
        Output, typer.Option("--output", "-o", help="Form of the report.")
    ] = Output.TABLE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every 2 s.")] = False,
) -> None:
    """Show what is wanted, installed, deployed and ready; queues, nodes and devices."""
    raise typer.Exit(show(stack, output, watch=watch))


app.command()(audits.check)
app.command()(audits.conformance)
app.command()(audits.sbom)


@app.command()
def doctor(stack: Stack = "kind") -> None:
    """Look at this machine: is there what the stack needs?"""
    preflight(stack, stack_files.settings(stack))


@app.command("supply")
def fetch(stack: Stack = "kind") -> None:
    """Get the programs, charts and images of a stack ready; bring nothing up."""
    settings = stack_files.settings(stack)
    mode = supply.resolve(settings.supply)
    supply.ensure(targets(settings, mode), mode)


@app.command()
def explain(stack: Stack = "kind") -> None:
    """Print every setting of a stack as JSON, and which stack says it."""
    settings = stack_files.settings(stack)
    say.data(
        {
            "schema": "cnai.dev/settings/v1",
            "stack": stack,
            "said_by": origins(stack, stack_files.read(stack) or {}, stack_files.read),
            "settings": json.loads(settings.model_dump_json()),
        }
    )


@app.command()
def env(stack: Stack = "kind") -> None:
    """Print what a shell needs for pulumi, kubectl and the examples: eval "$(cnai env kind)"."""
    settings = stack_files.settings(stack)
    variables = pulumi_home.prepare(supply.resolve(settings.supply))
    variables["PULUMI_STACK"] = stack
    if settings.team and is_tenant(settings):
        write_kubeconfig(stack, str(settings.extends), settings.team.name)
    variables["KUBECONFIG"] = str(kubeconfig_file(stack))
    if "mlflow" in settings.ports:
        variables["MLFLOW_TRACKING_URI"] = f"http://localhost:{settings.ports['mlflow']}"
        # Artifacts go through the server: its store has no address outside of the cluster.
        variables["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = "false"
        variables["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "false"
        variables |= login.mlflow(kubeconfig_file(stack), login.namespace(settings))
    variables["PATH"] = f"{home() / 'venv/bin'}{os.pathsep}{variables['PATH']}"
    for name, value in variables.items():
        say.out.print(f"export {name}={_quoted(value)}", markup=False)


@app.command()
def bench(
    stack: Stack = "kind",
    builds: Annotated[bool, typer.Option(help="After a cold build: record its times.")] = False,
) -> None:
    """Measure the budgets on this machine; write docs/reference/benchmarks.md and .json."""
    from stacks.cli.bench import bench as measure  # noqa: PLC0415  imports take a second

    raise typer.Exit(measure(stack, builds=builds))


@app.command("bench-teams")
def bench_teams(
    teams: Annotated[int, typer.Option(min=1, help="Teams that are forked.")] = 50,
    nodes: Annotated[int, typer.Option(min=1, help="Simulated nodes of 8 accelerators.")] = 1000,
    jobs: Annotated[int, typer.Option(min=1, help="Jobs that the teams send.")] = 10000,
    keep: Annotated[bool, typer.Option(help="Leave the cluster up.")] = False,
) -> None:
    """Fork many teams on simulated nodes and load them; write docs/reference/teams-benchmark.md.

    It has a cluster of its own, which has to be the only one on a small machine.
    """
    from stacks.cli.bench_teams import bench_teams as measure  # noqa: PLC0415  imports take a second

    raise typer.Exit(measure(teams, nodes, jobs, keep=keep))


@app.command()
def version() -> None:
    """Print the versions of what the distribution is made of."""
    programs = supply.versions()
    addons = {name: pin.version for name, pin in pins().items()}
    own = metadata.version("cnai")
    say.data({"schema": "cnai.dev/version/v1", "cnai": own, "programs": programs, "addons": addons})


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def guarded(run: Callable[[], None]) -> int:
    """Run a command; turn problems into their four lines and their exit code."""
    try:
        run()
    except ProblemError as error:
        for found in error.problems:
            say.problem(found)
        return error.exit_code
    except KeyboardInterrupt:
        say.note("stopped", "run the same command again to go on")
        return 8
    except SystemExit as end:
        return int(end.code or 0)
    except Exception:  # the last line of defence: a bug of ours, told as one
        path = home() / "logs" / "crash.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(traceback.format_exc())
        say.err.print(f"[red]✗[/] this is a bug in cnai; what happened is in {path}")
        return 255
    return 0


def main() -> None:
    """Entry point of the `cnai` command."""
    sys.exit(guarded(app))
