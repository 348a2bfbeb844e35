"""What teams spent in this calendar month, as the Prometheus of their base tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from addons import prometheus
from components.api_server import PASSING, ApiServer
from components.spend import OURS
from stacks.team_settings import Budget

Series = Sequence[Mapping[str, Any]]
LATE = timedelta(minutes=15)
"""What begins within that of the month's beginning has seen all of it."""
UNKNOWN = "unknown"
QUERIES = {
    "spend": f"cnai:team_spend:month{{{OURS}}}",
    "since": f"cnai:spend:since{{{OURS}}}",
    "unpriced": (
        f"count by (cluster_queue, flavor) (count_over_time(cnai:team_unpriced:used{{{OURS}}}[31d])"
        f" and on (month) cnai:month{{{OURS}}})"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a team spent this month; ``amount`` is None where nothing is known of it.

    ``since`` says, where the data do not go back to the month's first day, from when they are;
    ``unpriced`` names pools that it used and that have no price; ``device`` is what was used.
    """

    amount: float | None = None
    currency: str = "USD"
    since: str | None = None
    unpriced: tuple[str, ...] = ()
    device: str = "none"

    def shown(self) -> str:
        """Return it as a person reads it."""
        if self.amount is None or (self.unpriced and not self.amount):
            return UNKNOWN
        text = f"{self.amount:,.2f} {self.currency}"
        if self.device == "simulated":
            text += " (simulated)"
        if self.unpriced:
            text += f" + {UNKNOWN} of {', '.join(self.unpriced)}"
        return f"{text}\nsince {self.since}" if self.since else text


def spent(answers: Mapping[str, Series], now: datetime) -> dict[str, Spent]:
    """Return what each queue spent, from the answers to the queries above. Pure."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begins = [datetime.fromtimestamp(_value(one), tz=UTC) for one in answers.get("since", ())]
    late = [begin for begin in begins if begin - first > LATE]
    since = late[0].strftime("%Y-%m-%d %H:%M UTC") if late else None
    amounts: dict[str, dict[str, float]] = {}
    for one in answers.get("spend", ()):
        labels = one["metric"]
        amounts.setdefault(labels["cluster_queue"], {})[labels["device"]] = _value(one)
    unpriced: dict[str, list[str]] = {}
    for one in answers.get("unpriced", ()):
        unpriced.setdefault(one["metric"]["cluster_queue"], []).append(one["metric"]["flavor"])
    return {
        queue: Spent(
            amount=sum(amounts[queue].values()) if queue in amounts else None,
            since=since,
            unpriced=tuple(sorted(unpriced.get(queue, ()))),
            device=_device(amounts.get(queue, {})),
        )
        for queue in sorted({*amounts, *unpriced})
    }


def _device(amounts: Mapping[str, float]) -> str:
    """Return of what the money is: real where some of it is."""
    kinds = {kind for kind, amount in amounts.items() if amount} or set(amounts)
    return next((kind for kind in ("real", "none", "simulated") if kind in kinds), "none")


def _value(series: Mapping[str, Any]) -> float:
    return float(series["value"][1])


def of_base(server: ApiServer, now: datetime) -> dict[str, Spent]:
    """Ask the Prometheus of a cluster; nothing is known where it does not answer."""
    service = f"{prometheus.NAME}:{prometheus.PORT}"
    path = f"/api/v1/namespaces/{prometheus.NAMESPACE}/services/{service}/proxy/api/v1/query"
    try:
        return spent({name: _asked(server, path, q) for name, q in QUERIES.items()}, now)
    except (*PASSING, ValueError, KeyError):
        return {}


def _asked(server: ApiServer, path: str, query: str) -> Series:
    answer = json.loads(server.text(f"{path}?query={quote(query, safe='')}"))
    return list(answer["data"]["result"])


def budget_shown(budget: Budget | None) -> str:
    """Return a budget as a person reads it, or a dash."""
    if budget is None:
        return "-"
    return f"{budget.amount:,.2f} {budget.currency}{' (stops)' if budget.stops else ''}"
