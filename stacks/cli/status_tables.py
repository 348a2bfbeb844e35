"""Tables of `cnai status`: colour means one thing, and a mark says it without colour too. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from components.status.report import WELL, AddonStatus, QueueStatus, Status

NONE = "-"
MINUTE, HOUR, DAY = 60, 3600, 86400


def tables(found: Status) -> RenderableType:
    """Return all of a report."""
    parts: list[RenderableType] = [_heading(found), _addons(found)]
    parts += [f"    {a.name}: {escape(a.reason)}" for a in found.addons if a.reason]
    parts += [_queues(found.queues)] if found.queues else []
    parts += [_pools(found)] if found.pools else []
    parts += _degraded(found)
    if not found.addons:
        parts = [_heading(found)]
        parts += [f"✗ {p.id}  {escape(p.what)}: {escape(p.why)}" for p in found.problems]
    return Group(*parts)


def _heading(found: Status) -> Text:
    wanted = [addon for addon in found.addons if addon.want is not None]
    ready = sum(addon.ready for addon in wanted)
    at = found.at.astimezone().strftime("%H:%M:%S")
    return Text(f"{found.stack}  {ready}/{len(wanted)} addons ready  {at}", style="bold")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        # A narrow terminal costs the last column only.
        table.add_column(name.upper(), no_wrap=name != columns[-1], overflow="fold")
    return table


def _addons(found: Status) -> Table:
    table = _table("addon", "want", "have", "deployed", "ready", "health", "since", "url")
    for addon in found.addons:
        table.add_row(
            addon.name,
            addon.want or NONE,
            addon.have or NONE,
            f"{addon.deployed.have}/{addon.deployed.want}",
            _yes() if addon.ready else _no(),
            _health(addon),
            since(addon.since, found.at),
            " ".join(addon.urls.values()) or NONE,
        )
    return table


def _yes() -> str:
    return "[green]✓ yes[/]"


def _no() -> str:
    return "[red]✗ no[/]"


def _health(addon: AddonStatus) -> str:
    if addon.health not in WELL:
        return f"[red]{addon.health}[/]"
    return addon.health if addon.health == "ready" else f"[yellow]! {addon.health}[/]"


def since(then: datetime | None, now: datetime) -> str:
    """Return how long ago something was, in the two largest units."""
    if then is None:
        return NONE
    seconds = max(0, int((now - then).total_seconds()))
    if seconds < MINUTE:
        return f"{seconds}s"
    if seconds < HOUR:
        return f"{seconds // MINUTE}m{seconds % MINUTE:02}s"
    if seconds < DAY:
        return f"{seconds // HOUR}h{seconds % HOUR // MINUTE:02}m"
    return f"{seconds // DAY}d{seconds % DAY // HOUR:02}h"


def _queues(queues: Sequence[QueueStatus]) -> Group:
    table = _table("queue", "pending", "reserving", "admitted", "used of quota")
    for queue in queues:
        name = f"{queue.namespace}/{queue.name}" if queue.namespace else queue.name
        table.add_row(
            f"  {name}" if queue.namespace else name,
            str(queue.pending),
            str(queue.reserving),
            str(queue.admitted),
            uses(queue) if queue.active else f"[red]✗ {escape(queue.reason or '')}[/]",
        )
    return Group("", table)


def uses(queue: QueueStatus) -> str:
    """Return used amounts by flavor; what has no quota and is not used is left out."""
    flavors: dict[str, list[str]] = {}
    for use in queue.flavors:
        if use.quota not in (None, "0") or use.used != "0":
            quota = f"/{use.quota}" if use.quota else ""
            flavors.setdefault(use.flavor, []).append(f"{use.resource} {use.used}{quota}")
    if not any(use.quota for use in queue.flavors):
        flavors = {f: [a for a in told if not a.endswith(" 0")] for f, told in flavors.items()}
    return "\n".join(f"{flavor}: {', '.join(told)}" for flavor, told in flavors.items() if told)


def _pools(found: Status) -> Group:
    table = _table("pool", "nodes ready", "accelerators free", "device", "devices allocated")
    for pool in found.pools:
        whole = f"{pool.ready}/{max(pool.nodes, pool.want or 0)}"
        offered = [d for d in found.devices if d.pool == pool.name]
        device = next((d.device for d in offered), pool.device)
        table.add_row(
            pool.name,
            f"[red]{whole} ✗[/]" if pool.degraded else whole,
            ", ".join(f"{a.resource} {a.free}/{a.total}" for a in pool.accelerators) or NONE,
            pool.device if pool.device != "none" else device,
            ", ".join(f"{d.driver} {d.allocated}/{d.total}" for d in offered) or NONE,
        )
    known = {pool.name for pool in found.pools}
    for row in (d for d in found.devices if d.pool not in known):
        table.add_row(row.pool, NONE, NONE, row.device, f"{row.driver} {row.allocated}/{row.total}")
    return Group("", table)


def _degraded(found: Status) -> list[str]:
    return [f"    {part.name}: {escape(', '.join(part.reasons))}" for part in found.degraded]
