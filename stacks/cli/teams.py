"""`cnai teams`, `diff` and `expired`: who works on what, until when, and how it differs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
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
from stacks.settings import Settings
from tools.errors import ProblemError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One team: its stack, its base, what of its queue is in use, and its last day."""

    team: str
    stack: str
    base: str
    mode: str
    expires: str | None
    expired: bool
    pending: int = 0
    admitted: int = 0
    used: tuple[str, ...] = ()


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


def row(stack: str, settings: Settings, queues: dict[str, QueueStatus], now: date) -> Row:
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
            f"{f.resource} {f.used}/{f.quota}" for f in queue.flavors if f.quota not in {None, "0"}
        )
        if queue
        else (),
    )


def rows() -> list[Row]:
    """Return every team, with what its base's cluster says of its queue if it answers."""
    found = forks()
    queues = {base: _queues(base) for base in {str(s.extends) for s in found.values()}}
    return [row(n, s, queues[str(s.extends)], today()) for n, s in found.items()]


def _queues(base: str) -> dict[str, QueueStatus]:
    file = kubeconfig_file(base)
    if not file.exists():
        return {}
    try:
        seen = queue_statuses(observe(ApiServer(file.read_text(), limit=10.0)))
    except PASSING:
        return {}
    return {queue.name: queue for queue in seen if queue.kind == "ClusterQueue"}


def show(*, as_json: bool) -> int:
    """Show every team; return the exit code."""
    found = rows()
    if as_json:
        say.data({"schema": "cnai.dev/teams/v1", "teams": [asdict(one) for one in found]})
        return 0
    table = Table(
        "TEAM", "STACK", "MODE", "PENDING", "ADMITTED", "USED OF QUOTA", "UNTIL", box=None
    )
    for one in found:
        until = f"{one.expires or '-'}{' (over)' if one.expired else ''}"
        used = "\n".join(one.used) or "-"
        table.add_row(
            one.team, one.stack, one.mode, str(one.pending), str(one.admitted), used, until
        )
    say.wide(table)
    return 0


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
