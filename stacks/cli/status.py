"""`cnai status`: what is wanted, installed, deployed and ready; queues, nodes and devices."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from rich.live import Live

from addons import catalogue, pins
from components.addon import everything
from components.api_server import PASSING, ApiServer
from components.clusters.kind import complete, folder, kubeconfig_file, nodes, ours
from components.looks import short
from components.probe_runner import look_all
from components.status.addons import Expected, addon_status
from components.status.devices import device_statuses
from components.status.nodes import pool_statuses
from components.status.observed import observe
from components.status.queues import queue_statuses
from components.status.report import WELL, Claim, ProblemRecord, Status
from stacks import stack_files
from stacks.cli import say, team_status
from stacks.cli.installed import Installed, installed
from stacks.cli.status_tables import tables
from stacks.compose import chosen, contexts, facts_of
from stacks.settings import Settings
from stacks.teams import is_tenant
from tools import engine, supply
from tools.errors import Problem
from tools.supply import Mode

LIMIT = 10.0
"""Seconds that one question to the API server may take."""
EVERY = 2.0
"""Seconds between two reports of ``--watch``."""


class Output(StrEnum):
    """Forms of a report."""

    TABLE = "table"
    JSON = "json"


def status(stack: str, output: Output, *, watch: bool = False) -> int:
    """Show how a stack is; return the exit code. Watching ends with Ctrl-C, which is no error."""
    settings = stack_files.settings(stack)
    if watch:
        return _watch(lambda: report(stack, settings), output)
    seen = report(stack, settings)
    if output is Output.JSON:
        say.data_text(seen.json_text(indent=2))
    elif seen.addons:
        say.wide(tables(seen))
    for found in seen.problems:
        say.problem(Problem(found.id, found.what, found.why, found.fix, found.exit_code))
    return seen.problems[0].exit_code if seen.problems else 0


def _watch(look: Callable[[], Status], output: Output) -> int:
    try:
        if output is Output.JSON or not say.out.is_terminal:
            while True:
                seen = look()
                # A line a report: what reads along need not know where one ends.
                text = seen.json_text() if output is Output.JSON else None
                say.data_line(text) if text else say.wide(tables(seen))
                time.sleep(EVERY)
        with Live(tables(look()), console=say.out, auto_refresh=False, screen=True) as live:
            while True:
                time.sleep(EVERY)
                live.update(tables(look()), refresh=True)
    except KeyboardInterrupt:
        return 0


def report(stack: str, settings: Settings) -> Status:
    """Look at a stack once. What cannot be seen is told by the report's problems."""
    # What is a team's is on the cluster of its base, and seen with the eyes of its owner.
    tenant = is_tenant(settings)
    base = str(settings.extends) if tenant else stack
    facts, now = facts_of(base, settings), datetime.now(tz=UTC)
    empty = Status(stack=stack, cluster=facts.name, at=now)
    file = kubeconfig_file(base)
    if not file.exists():
        return _with(empty, unreachable(base, facts.name, settings, "it has no kubeconfig"))
    server = ApiServer(file.read_text(), limit=LIMIT)
    try:
        if tenant:
            found = team_status.look(stack, settings, server, installed(base))
            return _with(found, *degraded(found))
        return look(stack, settings, server, installed(stack))
    except PASSING as error:
        return _with(empty, unreachable(base, facts.name, settings, short(error)))


def look(stack: str, settings: Settings, server: ApiServer, have: Installed) -> Status:
    """Look at a platform that answers. Raises what the API server answers instead."""
    facts = facts_of(stack, settings)
    addons = chosen(settings, Mode(have.mode) if have.mode else supply.resolve(settings.supply))
    # Claims name objects and not what is secret in them.
    seen_by = contexts(facts, settings, addons, lambda _: "")
    probes = {
        addon.name: [p.data() for p in everything(addon, seen_by[addon.name]).ready]
        for addon in addons
    }
    simulator = any(m["kind"] == "Node" for a in addons for m in a.resources(seen_by[a.name]))
    seen = observe(server)
    held = iter(look_all(server, [probe for of in probes.values() for probe in of]))
    expected = [
        Expected(
            name=addon.name,
            title=addon.title,
            namespace=addon.namespace,
            want=pins()[addon.name].version,
            have=have.versions.get(addon.name),
            urls={name: facts.urls[name] for name in addon.endpoints if name in facts.urls},
            claims=[
                Claim(
                    claim=probe["claim"],
                    held=outcome.held if outcome else None,
                    evidence=outcome.evidence if outcome else "not looked at: it makes something",
                )
                for probe in probes[addon.name]
                for outcome in [next(held)]
            ],
        )
        for addon in addons
    ]
    expected += [_left_over(name, v) for name, v in have.versions.items() if name not in probes]
    pools = [pool for pool in facts.pools if simulator or pool.device != "simulated"]
    found = Status(
        stack=stack,
        cluster=facts.name,
        at=datetime.now(tz=UTC),
        addons=[addon_status(one, seen) for one in expected],
        queues=queue_statuses(seen),
        pools=pool_statuses(pools, seen),
        devices=device_statuses(seen),
    )
    return _with(found, *degraded(found))


def _left_over(name: str, version: str) -> Expected:
    known = catalogue().get(name)
    return Expected(
        name=name,
        title=known.title if known else name,
        namespace=known.namespace if known else name,
        want=None,
        have=version,
    )


def _with(found: Status, *problems: Problem) -> Status:
    records = [ProblemRecord.model_validate(problem.record()) for problem in problems]
    return found.model_copy(update={"problems": records})


def degraded(found: Status) -> list[Problem]:
    """Return the problem of a platform that is not all ready. Pure."""
    wrong = [f"{a.name} is {a.health}: {a.reason}" for a in found.addons if a.health not in WELL]
    wrong += [f"{part.name}: {', '.join(part.reasons)}" for part in found.degraded]
    if not wrong:
        return []
    return [
        Problem(
            "CNAI-STATUS-001",
            f"stack `{found.stack}` is not all ready",
            " · ".join(wrong)[:1000],
            "what has just begun gets ready by itself; mend what stays so, then"
            f" `cnai up {found.stack}`",
            exit_code=4,
        )
    ]


def unreachable(stack: str, cluster: str, settings: Settings, seen: str) -> Problem:
    """Say why a platform cannot be looked at: it is not there, was stopped, or does not answer."""
    running = engine.find()
    there = [n for n in nodes(running, cluster) if ours(n, folder(stack))] if running else []
    if not there:
        return Problem(
            "CNAI-STATUS-002",
            f"stack `{stack}` is not up: there is no cluster `{cluster}`",
            seen if running else "the container engine does not run",
            f"bring it up: cnai up {stack}",
            exit_code=4,
        )
    if not complete(there, settings.workers):
        return Problem(
            "CNAI-STATUS-003",
            f"nodes of cluster `{cluster}` were stopped or are lost",
            f"{sum(bool(n['State']['Running']) for n in there)} of {settings.workers + 1} run",
            f"start what was stopped, make anew what is lost: cnai up {stack}",
            exit_code=4,
        )
    return Problem(
        "CNAI-STATUS-004",
        f"the API server of cluster `{cluster}` does not answer",
        seen,
        f"give it a minute; then look at its log: docker logs {cluster}-control-plane",
        exit_code=9,
    )
