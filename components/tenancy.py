"""A team's place on a cluster that another stack has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.addon import Addon, Context
from components.budgets import Holding
from components.grants import Grant
from components.quotas import total, written
from components.steps import Ground, Steps, fingerprint, namespace
from components.team import Team, fence, labels, limits, members


class Tenancy(Steps):
    """One team: its namespace with fences, limits and members, then what each addon does for it."""

    def __init__(
        self,
        team: Team,
        addons: Sequence[tuple[Addon, Context]],
        *,
        ground: Ground,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make room for the team; what its addons do is done side by side."""
        super().__init__(team.name, {}, ground, opts)
        shares = {addon.name: addon.per_team(ctx, team) for addon, ctx in addons}
        step = self.place([namespace(team.namespace, labels=labels(team))], [])
        walls = [
            *fence(team, {name: share.ways for name, share in shares.items()}),
            *limits(team, hard(team)),
            *members(team, [rule for share in shares.values() for rule in share.rules]),
        ]
        step = [*self.place(walls, step), self._grant(team, step), *self._holding(team, step)]
        for name, share in shares.items():
            made = self.place(share.workloads, step)
            about = fingerprint([*share.workloads])
            made = self.gate(f"{name}/ready", share.ready, about, made)
            made = self.place(share.resources, made)
            self.gate(f"{name}/proof", share.proof, fingerprint(about, [*share.resources]), made)
        self.register_outputs({})

    def _grant(self, team: Team, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        return Grant(
            team.name,
            amounts=team.quota,
            kubeconfig=self.ground.kubeconfig,
            generation=self.ground.generation,
            opts=self.bare(after),
        )

    def _holding(self, team: Team, after: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        """Make what outlives all that may hold the queue, and opens it at the end."""
        if not (team.budget and team.budget.stops):
            return []
        where = {"kubeconfig": self.ground.kubeconfig, "generation": self.ground.generation}
        return [Holding(team.name, opts=self.bare(after), **where)]


def hard(team: Team) -> Mapping[str, str]:
    """Return what the namespace may ask for in all: what it is granted, and as much borrowed.

    Of a resource that it is granted none of nothing is said here: it may borrow what others do not
    use, and that is for the queue to decide.
    """
    names = next(iter(team.quota.values()), {})
    given = {name: total(name, team.quota) for name in names}
    return {name: written(name, value * 2) for name, value in given.items() if value}
