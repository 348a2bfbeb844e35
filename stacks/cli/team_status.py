"""`cnai status` of a team: what each addon does for it, its queue, and nothing of other teams."""

from __future__ import annotations

from datetime import UTC, datetime

from addons import pins
from components.api_server import ApiServer
from components.probe_runner import look_all
from components.status.addons import Expected, addon_status
from components.status.observed import observe
from components.status.queues import queue_statuses
from components.status.report import Claim, Status
from stacks.cli.installed import Installed
from stacks.compose import chosen, contexts, facts_of
from stacks.settings import Settings
from stacks.teams import team_of
from tools import supply
from tools.supply import Mode


def look(stack: str, settings: Settings, server: ApiServer, have: Installed) -> Status:
    """Look at a team's place on a cluster that answers; ``have`` is what its base installed.

    Raises what the API server answers instead.
    """
    facts = facts_of(str(settings.extends), settings)
    addons = chosen(settings, Mode(have.mode) if have.mode else supply.resolve(settings.supply))
    team = team_of(settings, facts, addons)
    seen_by = contexts(facts, settings, addons, lambda _: "")
    shares = {addon.name: addon.per_team(seen_by[addon.name], team) for addon in addons}
    probes = {n: [p.data() for p in (*s.ready, *s.proof)] for n, s in shares.items()}
    seen = observe(server)
    held = iter(look_all(server, [probe for of in probes.values() for probe in of]))
    expected = [
        Expected(
            name=addon.name,
            title=addon.title,
            namespace=addon.namespace,
            want=pins()[addon.name].version,
            have=have.versions.get(addon.name),
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
        if probes[addon.name]
    ]
    return Status(
        stack=stack,
        cluster=facts.name,
        at=datetime.now(tz=UTC),
        addons=[addon_status(one, seen) for one in expected],
        queues=[q for q in queue_statuses(seen) if team.name in {q.name, q.namespace}],
    )
