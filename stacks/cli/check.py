"""`cnai check`: hold the rules against a stack at each gate, and report what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from components.api_server import PASSING, ApiServer
from components.clusters.kind import kubeconfig_file
from policies import waivers
from policies.audit import Finding
from policies.catalog import Gate, Rule, rules
from policies.report import write
from policies.report.record import Header, build
from policies.report.summary import text
from policies.scans import counted
from stacks import compliance, stack_files
from stacks.cli import gates, say
from stacks.cli.pulumi_cli import Pulumi
from stacks.cli.session import open_stack
from stacks.settings import Settings
from stacks.teams import is_tenant
from tools import supply
from tools.errors import Problem, ProblemError
from tools.paths import REPO

FAILED = 5
"""Exit code when a mandatory rule does not hold, as `cnai up` has it."""
BEFORE = (Gate.SETTINGS, Gate.PACK, Gate.STATE)
"""The gates that need no cluster."""
Found = tuple[list[Finding], dict[str, dict[str, int]]]


def check(
    stack: str,
    *,
    only: Sequence[Gate] = (),
    frameworks: Sequence[str] = (),
    live: bool = False,
    report: Path | None = None,
) -> int:
    """Check a stack; return 5 when a mandatory rule is broken, or a waiver is over.

    A stack that has not been brought up has no state, and is checked without. Raises ProblemError
    for any other gate that cannot be held, and for that one when it is asked for by name;
    CNAI-CHECK-003 for a framework that no rule serves.
    """
    settings = stack_files.settings(stack)
    known = serving(rules(), frameworks)
    asked = tuple(only) or (tuple(Gate) if live else BEFORE)
    found, not_run, scans = _gather(stack, settings, asked, strict=bool(only))
    mine = settings.team.name if settings.team and is_tenant(settings) else None
    ids = {rule.id for rule in known}
    findings = [f for f in found if f.rule in ids and (mine is None or _own(f, mine))]
    borne, wrong = compliance.waivers(settings)
    marked, over = waivers.apply(findings, borne, gates.today())
    header = Header(
        stack=stack,
        date=datetime.now(tz=UTC),
        versions={
            "cnai": metadata.version("cnai"),
            "pulumi-policy": metadata.version("pulumi-policy"),
        },
        not_run=not_run,
        file=str(stack_files.path(stack).relative_to(REPO))
        if stack_files.path(stack).is_relative_to(REPO)
        else stack_files.path(stack).name,
        scans=scans,
    )
    record = build(header, known, marked, borne, [*wrong, *over])
    say.out.print(text(record), markup=False, highlight=False, soft_wrap=True, end="")
    if report:
        for path in write(record, report):
            say.done("check", f"written: {path}")
    return FAILED if record["result"] == "failed" else 0


def serving(known: Iterable[Rule], frameworks: Sequence[str]) -> list[Rule]:
    """Return the rules that serve any of the frameworks, each a part of a name; all for none. Pure.

    Raises ProblemError (CNAI-CHECK-003) when a part is in no name.
    """
    listed = list(known)
    names = sorted({each.name for rule in listed for each in rule.frameworks})
    for part in frameworks:
        if not any(part.casefold() in name.casefold() for name in names):
            raise ProblemError(
                Problem(
                    "CNAI-CHECK-003",
                    f"no rule serves a framework `{part}`",
                    f"known are: {', '.join(names)}",
                    "write a part of one of these names, as in --framework eks",
                    exit_code=2,
                )
            )
    parts = [part.casefold() for part in frameworks]
    return [
        rule
        for rule in listed
        if not parts or any(p in each.name.casefold() for p in parts for each in rule.frameworks)
    ]


def _own(finding: Finding, team: str) -> bool:
    """Say whether a finding is a tenant's: in its namespace, or of its own settings and program.

    What else there is on the cluster of its base is for the base to mend.
    """
    return finding.team == team or (finding.team is None and finding.gate in BEFORE)


def _gather(
    stack: str, settings: Settings, asked: Sequence[Gate], *, strict: bool
) -> tuple[list[Finding], dict[Gate, str], dict[str, dict[str, int]]]:
    """Hold the gates that were asked for; say why others were not."""
    found: list[Finding] = []
    scans: dict[str, dict[str, int]] = {}
    not_run = {gate: "it was not asked for" for gate in Gate if gate not in asked}
    hold: dict[Gate, Callable[[], Found]] = {
        Gate.SETTINGS: lambda: (gates.of_intent(settings), {}),
        Gate.PACK: lambda: (gates.of_plan(_opened(stack, settings), stack, settings), {}),
        Gate.STATE: lambda: (gates.of_record(_opened(stack, settings), settings), {}),
        Gate.ADMISSION: lambda: (gates.of_twins(_server(stack, settings), settings), {}),
        Gate.LIVE: lambda: _live(stack, settings),
    }
    for gate in (gate for gate in Gate if gate in asked):
        with say.waiting(f"{gate.value}: holding the rules against it"):
            try:
                findings, seen = hold[gate]()
            except ProblemError as error:
                if strict or error.problems[0].id != gates.NO_STATE:
                    raise
                not_run[gate] = error.problems[0].what
            else:
                found += findings
                scans |= seen
    return found, not_run, scans


def _live(stack: str, settings: Settings) -> Found:
    server = _server(stack, settings)
    return gates.of_cluster(server, settings)[0], counted(gates.of_scanners(server))


def _opened(stack: str, settings: Settings) -> Pulumi:
    mode = supply.resolve(settings.supply)
    supply.ensure(["program:pulumi", "program:pulumi-kubernetes"], mode)
    return open_stack(stack, mode)


def _server(stack: str, settings: Settings) -> ApiServer:
    base = str(settings.extends) if is_tenant(settings) else stack
    file = kubeconfig_file(base)
    why = "it has no kubeconfig: it is not up"
    if file.exists():
        server = ApiServer(file.read_text())
        try:
            server.text("/readyz")
        except PASSING as error:
            why = str(error)
        else:
            return server
    raise ProblemError(
        Problem(
            "CNAI-CHECK-004",
            f"the cluster of `{base}` does not answer",
            why,
            f"bring it up first: cnai up {base}; or leave --live out",
            exit_code=4,
        )
    )
