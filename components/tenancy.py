"""A team's place on a cluster that another stack has."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.addon import Addon, Context
from components.budgets import Holding
from components.grants import Grant
from components.removal import Removal
from components.selection import providers
from components.steps import Ground, Manifest, Steps, fingerprint, logical, namespace
from components.team import Share, Team, fence, labels, limits, members


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
        """Make room for the team; each addon does its part when those that it needs did theirs.

        ``addons`` are in the order of installation.
        """
        super().__init__(team.name, {}, ground, opts)
        shares = {addon.name: addon.per_team(ctx, team) for addon, ctx in addons}
        claims = {d.resource: d.claim for _, ctx in addons for d in ctx.devices if d.claim}
        # What is made first is taken away last: the namespace with all that runs goes before the
        # queue that it runs on, and before what it leaves in servers that it shares.
        removals = [self._removal(job) for share in shares.values() for job in share.removal]
        beneath = [m for share in shares.values() for m in share.beneath]
        step = self.place(beneath, [self._grant(team, removals)])
        own = namespace(team.namespace, labels=labels(team))
        step = self.place([own], [*removals, *step])
        walls = [
            *fence(team, {name: share.ways for name, share in shares.items()}),
            *limits(team, claims),
            *members(team, [rule for share in shares.values() for rule in share.rules]),
        ]
        step = [*self.place(walls, step), *self._holding(team, step)]
        ends: dict[str, list[pulumi.Resource]] = {}
        makers = providers(addon for addon, _ in addons)
        for addon, _ in addons:
            before = [ends[makers[need]] for need in addon.needs if makers.get(need) in ends]
            after = [*step, *(resource for end in before for resource in end)]
            ends[addon.name] = self._share(addon.name, shares[addon.name], after)
        self.register_outputs({})

    def _share(
        self, name: str, share: Share, after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        made = self.place(share.workloads, after)
        about = fingerprint([*share.workloads])
        made = self.gate(f"{name}/ready", share.ready, about, made)
        made = self.place(share.resources, made)
        return self.gate(f"{name}/proof", share.proof, fingerprint(about, [*share.resources]), made)

    def _removal(self, job: Manifest) -> pulumi.Resource:
        return Removal(
            f"{self.name}/{logical(job)}",
            job=job,
            kubeconfig=self.ground.kubeconfig,
            generation=self.ground.generation,
            opts=self.bare([]),
        )

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
