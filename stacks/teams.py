"""What holds for a stack that is a team's: what it may say, and what its base can give. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from addons import catalogue
from components.addon import Addon
from components.facts import ClusterFacts
from components.prices import Estimate, estimate, units
from components.quantities import amount
from components.quotas import capacity, ceiling, portion, short
from components.team import Budget, Team
from policies.rules.supply_chain import begins
from stacks.settings import Settings, addon_settings
from stacks.team_settings import Mode
from tools.errors import Problem, ProblemError

OWN = frozenset({"extends", "team"})
"""Keys that the stack of a tenant may say; all else is its base's to say."""
SHARED = ("quota", "budget", "members")
"""What a team says of its part of a cluster; a cluster of its own has no parts."""
CONTROLS = ("kyverno",)
"""Addons that hold rules: a team's own cluster has those that its base has."""
SYSTEM = ("default", "kube-node-lease", "kube-public", "kube-system", "local-path-storage")


def is_tenant(settings: Settings) -> bool:
    """Say whether a stack is a place on the cluster of its base."""
    return settings.team is not None and settings.team.mode is Mode.TENANT


def team_of(settings: Settings, facts: ClusterFacts, addons: Iterable[Addon]) -> Team:
    """Return the team with its part of each pool; with a cluster of its own it has all of them.

    Raises ProblemError (CNAI-TEAM-001) for a quota that the pools of the base cannot give, and
    CNAI-TEAM-013 for a budget that is to stop what has no price.
    """
    said = settings.team
    assert said is not None
    devices = [d for a in addons for d in a.devices(facts, addon_settings(a, settings))]
    whole = capacity(facts.pools, devices)
    own = {pool.name: pool.accelerator for pool in facts.pools if pool.accelerator}
    tenant = said.mode is Mode.TENANT
    given = portion(whole, said.quota.asked(), own) if tenant else whole
    if missing := short(said.quota.asked(), given):
        raise ProblemError(*[_beyond(said.name, name, by) for name, by in missing.items()])
    budget = Budget(**said.budget.model_dump()) if said.budget else None
    if budget and budget.stops:
        used = [p for p, of in given.items() if any(amount(q) for q in of.values())]
        pools = [pool for pool in facts.pools if pool.name in used or not used]
        if not units(pools, devices, settings.prices):
            raise ProblemError(_uncounted(said.name, [pool.name for pool in pools]))
    return Team(
        name=said.name,
        quota=given,
        borrowing=said.quota.borrowing,
        lending=said.quota.lending,
        weight=said.quota.weight,
        ceiling=ceiling(whole, given, said.quota.borrowing),
        members=said.members,
        tenant=tenant,
        budget=budget,
    )


def price_of(
    team: Team, settings: Settings, facts: ClusterFacts, addons: Iterable[Addon]
) -> Estimate:
    """Return the price of what a team is guaranteed, or of its own cluster."""
    devices = [d for a in addons for d in a.devices(facts, addon_settings(a, settings))]
    return estimate(team.quota, facts.pools, devices, settings.prices)


def checked(stack: str, said: Mapping[str, Any], settings: Settings, base: Settings) -> None:
    """Raise ProblemError for what a team's stack may not say (CNAI-TEAM-002 to -020)."""
    team = settings.team
    assert team is not None
    problems: list[Problem] = []
    if team.mode is Mode.TENANT:
        problems += [_not_own(stack, key) for key in said if key not in OWN]
    else:
        problems += [_no_parts(stack, key) for key in SHARED if key in team.model_fields_set]
        problems += [_weaker(stack, name) for name in CONTROLS if _lost(name, settings, base)]
        problems += [
            _own_waiver(stack, w.ticket) for w in settings.waivers if w not in base.waivers
        ]
        if base.production and not settings.production:
            problems.append(_weaker(stack, "production"))
        if any(wanted not in settings.signatures for wanted in base.signatures):
            problems.append(_weaker(stack, "signatures"))
        problems += [_wider(stack, name) for name in _elsewhere(settings, base)]
    taken = {addon.namespace for addon in catalogue().values()} | {*SYSTEM, *base.teams}
    if team.mode is Mode.TENANT and (team.name in taken or team.name.startswith("kube-")):
        problems.append(_taken(team.name))
    if problems:
        raise ProblemError(*problems)


def _lost(name: str, settings: Settings, base: Settings) -> bool:
    """Say whether an addon of the base is gone: switched off, or not part of another profile."""
    off = settings.addons.get(name) is False and base.addons.get(name) is not False
    return off or (name in base.wanted() and name not in settings.wanted())


def _elsewhere(settings: Settings, base: Settings) -> list[str]:
    """Return the registries that the base does not allow; without any, all are allowed."""
    if not base.registries:
        return []
    said = settings.registries or ("",)
    return [own for own in said if not any(begins(own, allowed) for allowed in base.registries)]


def _beyond(team: str, resource: str, by: str) -> Problem:
    return Problem(
        "CNAI-TEAM-001",
        f"team `{team}` asks for {by} of {resource} more than there is",
        "its base has no pools that could give it",
        "ask for less, or give the base more nodes",
        exit_code=2,
    )


def _uncounted(team: str, pools: Sequence[str]) -> Problem:
    return Problem(
        "CNAI-TEAM-013",
        f"the budget of team `{team}` cannot stop anything",
        f"an hour of {', '.join(pools)} has no price that is known",
        f"say one in the base: `cnai:prices: {{{pools[0]}: 1.5}}` (USD an hour of a node)",
        exit_code=2,
    )


def _not_own(stack: str, key: str) -> Problem:
    return Problem(
        "CNAI-TEAM-002",
        f"cnai:{key} cannot be said in stack `{stack}`",
        "it is a place on its base's cluster: what that is like is for the base to say",
        f"say it in the base, or take a cluster of your own: `cnai fork --mode {Mode.STACK.value}`",
        exit_code=2,
    )


def _no_parts(stack: str, key: str) -> Problem:
    return Problem(
        "CNAI-TEAM-015",
        f"cnai:team.{key} means nothing in stack `{stack}`",
        "it is a cluster of its own, all of which is the team's",
        "say its size in its file (`cnai:pools`, `cnai:workers`, `cnai:queue`), or leave out"
        f" `--mode {Mode.STACK.value}` for a part of the base's cluster",
        exit_code=2,
    )


def _weaker(stack: str, name: str) -> Problem:
    return Problem(
        "CNAI-TEAM-005",
        f"stack `{stack}` switches `{name}` off, which holds rules of its base",
        "a team's environment is held by the same rules as its base",
        f"leave `{name}` on, or ask the owner of the base for a waiver",
        exit_code=2,
    )


def _wider(stack: str, registry: str) -> Problem:
    return Problem(
        "CNAI-TEAM-020",
        f"stack `{stack}` takes images from {f'`{registry}`' if registry else 'every registry'}",
        "its base allows named registries alone, and this is none of them",
        "name a part of a registry of the base, or ask its owner to allow another",
        exit_code=2,
    )


def _own_waiver(stack: str, ticket: str) -> Problem:
    return Problem(
        "CNAI-TEAM-019",
        f"stack `{stack}` waives a rule by itself ({ticket})",
        "a team's environment is held by the same rules as its base",
        "ask the owner of the base to put the waiver into the base",
        exit_code=2,
    )


def _taken(name: str) -> Problem:
    return Problem(
        "CNAI-TEAM-006",
        f"a team cannot be called `{name}`",
        "the platform has a namespace of that name",
        "take another name",
        exit_code=2,
    )
