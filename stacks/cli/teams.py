"""`cnai teams`, `diff` and `expired`: who works on what, until when, and how it differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from rich.table import Table

from components.api_server import PASSING, ApiServer
from components.clusters.kind import kubeconfig_file
from components.status.observed import observe
from components.status.queues import queue_statuses
from components.status.report import QueueStatus
from stacks import forking, stack_files
from stacks.cli import say
from stacks.cli.fork import today
from stacks.cli.spending import Spent, budget_shown, of_base
from stacks.settings import Settings
from stacks.team_settings import Budget, Mode
from tools.errors import ProblemError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One team: its stack, its base, what of its queue is in use, its last day and its money.

    ``spend`` is that of this calendar month (UTC), ``budget`` what the team may spend in one.
    """

    team: str
    stack: str
    base: str
    mode: str
    expires: str | None
    expired: bool
    pending: int = 0
    admitted: int = 0
    used: tuple[str, ...] = ()
    spend: Spent = field(default_factory=Spent)
    budget: Budget | None = None


def forks() -> dict[str, Settings]:
    """Return the stacks that are a team's, by name; what cannot be read is left to `cnai up`."""
    found: dict[str, Settings] = {}
    for name in stack_files.names():
        try:
            settings = stack_files.settings(name)
        except ProblemError:
            continue
        if settings.team:
            found[name] = settings
    return found


def row(
    stack: str,
    settings: Settings,
    queues: dict[str, QueueStatus],
    now: date,
    spend: Mapping[str, Spent],
) -> Row:
    """Return what is known of a team. Pure."""
    team = settings.team
    assert team is not None
    queue = queues.get(team.name)
    return Row(
        team=team.name,
        stack=stack,
        base=str(settings.extends),
        mode=team.mode.value,
        expires=team.expires.isoformat() if team.expires else None,
        expired=bool(team.expires and team.expires < now),
        pending=queue.pending if queue else 0,
        admitted=queue.admitted if queue else 0,
        used=tuple(
            f"{f.flavor}: {f.resource} {f.used}/{f.quota}"
            for f in queue.flavors
            if f.quota not in {None, "0"}
        )
        if queue
        else (),
        # A cluster of its own has a Prometheus of its own, which is not asked here.
        spend=spend.get(team.name, Spent()) if team.mode is Mode.TENANT else Spent(),
        budget=team.budget,
    )


def rows() -> list[Row]:
    """Return every team, with what its base's cluster says of its queue if it answers."""
    found = forks()
    seen = {base: _seen(base) for base in {str(s.extends) for s in found.values()}}
    return [
        row(name, settings, queues, today(), spend)
        for name, settings in found.items()
        for queues, spend in [seen[str(settings.extends)]]
    ]


def _seen(base: str) -> tuple[dict[str, QueueStatus], dict[str, Spent]]:
    file = kubeconfig_file(base)
    if not file.exists():
        return {}, {}
    server = ApiServer(file.read_text(), limit=10.0)
    try:
        queues = queue_statuses(observe(server))
    except PASSING:
        return {}, {}
    own = {queue.name: queue for queue in queues if queue.kind == "ClusterQueue"}
    return own, of_base(server, datetime.now(tz=UTC))


def show(*, as_json: bool) -> int:
    """Show every team; return the exit code."""
    found = rows()
    if as_json:
        say.data({"schema": "cnai.dev/teams/v1", "teams": [data(one) for one in found]})
        return 0
    table = Table(
        *("TEAM", "STACK", "MODE", "PENDING", "ADMITTED", "USED OF QUOTA"),
        *("SPEND", "BUDGET", "UNTIL"),
        box=None,
    )
    for one in found:
        until = f"{one.expires or '-'}{' (over)' if one.expired else ''}"
        used = "\n".join(one.used) or "-"
        table.add_row(
            *(one.team, one.stack, one.mode, str(one.pending), str(one.admitted), used),
            *(one.spend.shown(), budget_shown(one.budget), until),
        )
    say.wide(table)
    return 0


def data(one: Row) -> dict[str, Any]:
    """Return a row as plain data. Pure."""
    return {**asdict(one), "budget": one.budget.model_dump() if one.budget else None}


def expired() -> list[str]:
    """Return the stacks whose last day is over."""
    return [one.stack for one in rows() if one.expired]


def diff(stack: str) -> int:
    """Print how a fork differs from its base."""
    own: dict[str, Any] = dict(stack_files.read(stack) or {})
    settings = stack_files.settings(stack)
    base = str(own.pop("extends", None) or settings.extends)
    for line in forking.differences(stack_files.read(base) or {}, own):
        say.out.print(line, markup=False)
    return 0
