"""Installs an addon, with what it does for each team."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pulumi
from pulumi_kubernetes.helm import v4 as helm

from components.addon import Addon, Context, Manifest, everything
from components.grants import Capacity
from components.kinds import Kinds
from components.labels import managed
from components.leftovers import Leftovers
from components.quotas import Amounts
from components.steps import Ground, Steps, fingerprint, namespace
from tools.supply import Chart


class Installation(Steps):
    """One addon in a cluster; ``ready`` is the last gate, which later addons wait for."""

    ready: pulumi.Resource

    def __init__(
        self,
        addon: Addon,
        ctx: Context,
        *,
        ground: Ground,
        chart: Chart | None = None,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Install the addon step by step, each waiting for the one before."""
        super().__init__(addon.name, {"version": ctx.pin.version}, ground, opts)
        step = list(needs)
        own = namespace(addon.namespace, privileged=addon.privileged, labels=managed(addon.name))
        step = self.place([own], step)
        kinds = addon.crds(ctx)
        step = self._serve(addon, kinds, step)
        values, does = addon.values(ctx), everything(addon, ctx)
        if chart is not None:
            # What the addon gives itself as `crds` is not taken from the chart as well.
            step = [self._chart(addon, chart, values, step, skip_crds=bool(kinds))]
        step = self.place(does.workloads, step)
        about = fingerprint(ctx.pin.version, values, does.workloads)
        step = self.gate("ready", does.ready, about, step)
        step = self.place(does.resources, step)
        if addon.capacity:
            step = [self._capacity(addon.capacity(ctx), step)]
        step = self.gate("proof", does.proof, fingerprint(about, does.resources), step)
        self.ready = step[-1]
        self.register_outputs({})

    def _serve(
        self, addon: Addon, kinds: Sequence[Path], after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        """Make what stands before controllers: their kinds, and what to take away after them."""
        where = {"kubeconfig": self.ground.kubeconfig, "generation": self.ground.generation}
        made: list[pulumi.Resource] = []
        if kinds:
            made.append(Kinds(self.name, files=kinds, opts=self.bare(after), **where))
        if addon.leftovers:
            opts = self.bare(after)
            made.append(Leftovers(self.name, selector=addon.leftovers, opts=opts, **where))
        return made or list(after)

    def _capacity(self, whole: Amounts, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        where = {"kubeconfig": self.ground.kubeconfig, "generation": self.ground.generation}
        return Capacity(self.name, amounts=whole, opts=self.bare(after), **where)

    def _chart(
        self,
        addon: Addon,
        chart: Chart,
        values: Manifest,
        after: Sequence[pulumi.Resource],
        *,
        skip_crds: bool,
    ) -> pulumi.Resource:
        cluster = self.ground.cluster

        def with_cluster(
            args: pulumi.ResourceTransformArgs,
        ) -> pulumi.ResourceTransformResult:
            # The provider makes the chart's objects; without this each is deleted one by one.
            lives = pulumi.ResourceOptions(deleted_with=cluster)
            return pulumi.ResourceTransformResult(
                args.props, pulumi.ResourceOptions.merge(args.opts, lives)
            )

        options = pulumi.ResourceOptions(transforms=[with_cluster])
        return helm.Chart(
            addon.name,
            chart=chart.chart,
            version=chart.version,
            repository_opts=helm.RepositoryOptsArgs(repo=chart.repository)
            if chart.repository
            else None,
            namespace=addon.namespace,
            values=values,
            skip_crds=skip_crds,
            opts=pulumi.ResourceOptions.merge(self.options(after), options),
        )
