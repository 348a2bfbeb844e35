"""Places an addon: the thin shell between its pure functions and Pulumi."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.helm import v4 as helm

from components.addon import Addon, Context, Manifest
from components.base import Component
from components.kinds import Kinds
from components.labels import managed
from components.leftovers import Leftovers
from components.ready import Ready
from tools.supply import Chart


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every addon is placed on: a cluster, its provider and the gate of each addon."""

    provider: k8s.Provider
    kubeconfig: pulumi.Output[str]
    generation: pulumi.Output[str]
    cluster: pulumi.Resource


def namespace(name: str, *, privileged: bool = False, labels: Mapping[str, str] = {}) -> Manifest:
    """Return a namespace under the Pod Security Standard ``restricted`` unless privileged."""
    level = "privileged" if privileged else "restricted"
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"pod-security.kubernetes.io/enforce": level, **labels},
        },
    }


def logical(manifest: Manifest) -> str:
    """Return the name of an object within its addon; no stack and no cloud in it."""
    metadata = manifest["metadata"]
    parts = (manifest["kind"].lower(), metadata.get("namespace"), metadata["name"])
    return "/".join(part for part in parts if part)


def fingerprint(*parts: Any) -> str:
    """Return a short hash of plain data; outputs of Pulumi count by their place alone."""
    text = json.dumps(parts, sort_keys=True, default=lambda _: "output")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Installation(Component):
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
        super().__init__(addon.name, {"version": ctx.pin.version}, opts)
        self._ground, self._name = ground, addon.name
        step = list(needs)
        own = namespace(addon.namespace, privileged=addon.privileged, labels=managed(addon.name))
        step = self._place([own], step)
        kinds = addon.crds(ctx)
        step = self._serve(addon, kinds, step)
        values, workloads = addon.values(ctx), addon.workloads(ctx)
        if chart is not None:
            # What the addon gives itself as `crds` is not taken from the chart as well.
            step = [self._chart(addon, chart, values, step, skip_crds=bool(kinds))]
        step = self._place(workloads, step)
        about = fingerprint(ctx.pin.version, values, workloads)
        step = self._gate("ready", addon.ready(ctx), about, step)
        resources = addon.resources(ctx)
        step = self._place(resources, step)
        step = self._gate("proof", addon.proof(ctx), fingerprint(about, resources), step)
        self.ready = step[-1]
        self.register_outputs({})

    def _serve(
        self, addon: Addon, kinds: Sequence[Path], after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        """Make what stands before controllers: their kinds, and what to take away after them."""
        where = {"kubeconfig": self._ground.kubeconfig, "generation": self._ground.generation}
        made: list[pulumi.Resource] = []
        if kinds:
            made.append(Kinds(self._name, files=kinds, opts=self._bare(after), **where))
        if addon.leftovers:
            opts = self._bare(after)
            made.append(Leftovers(self._name, selector=addon.leftovers, opts=opts, **where))
        return made or list(after)

    def _bare(self, after: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return self.child(deleted_with=self._ground.cluster, depends_on=list(after))

    def _options(self, after: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return self.child(
            provider=self._ground.provider,
            deleted_with=self._ground.cluster,
            depends_on=list(after),
        )

    def _chart(
        self,
        addon: Addon,
        chart: Chart,
        values: Manifest,
        after: Sequence[pulumi.Resource],
        *,
        skip_crds: bool,
    ) -> pulumi.Resource:
        cluster = self._ground.cluster

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
            opts=pulumi.ResourceOptions.merge(self._options(after), options),
        )

    def _place(
        self, manifests: Sequence[Manifest], after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        placed = [place(self._name, m, self._options(after)) for m in manifests]
        return [*placed] or list(after)

    def _gate(
        self, name: str, probes: Sequence[Any], about: str, after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        if not probes:
            return list(after)
        gate = Ready(
            f"{self._name}/{name}",
            kubeconfig=self._ground.kubeconfig,
            generation=self._ground.generation,
            probes=probes,
            about=about,
            opts=self._bare(after),
        )
        return [gate]


def token(manifest: Manifest) -> str:
    """Return the type that the Kubernetes provider knows an object by; kinds of ours included."""
    api_version: str = manifest["apiVersion"]
    group = api_version if "/" in api_version else f"core/{api_version}"
    return f"kubernetes:{group}:{manifest['kind']}"


def place(prefix: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """Make one object from its manifest; what a Secret holds stays secret in the state."""
    if manifest["kind"] == "Secret":
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData"])
        opts = pulumi.ResourceOptions.merge(opts, hidden)
    return pulumi.CustomResource(token(manifest), f"{prefix}/{logical(manifest)}", manifest, opts)
