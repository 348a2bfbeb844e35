"""The only wiring in the tree: settings → cluster → facts → addons in order → outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from addons import catalogue, pins
from components.addon import Addon, Context, Manifest
from components.clusters import local
from components.clusters.kind import KindCluster
from components.clusters.node_images import NodeImage
from components.facts import ClusterFacts, Quota
from components.installation import Installation
from components.password import Password
from components.selection import order, predecessors, providers, select
from components.steps import Ground, namespace, place
from components.team import Team, fence, labels, limits
from policies.guards import API as NATIVE
from policies.twins import KYVERNO
from stacks.compliance import guards
from stacks.settings import Settings, addon_settings
from tools import supply
from tools.errors import Problem, ProblemError
from tools.supply import Mode


def facts_of(stack: str, settings: Settings) -> ClusterFacts:
    """Return what addons may know of the cluster that the settings describe. Pure."""
    quota = Quota(cpu=settings.queue.cpu, memory=settings.queue.memory)
    pools = [local.simulated_pool(p.name, p.shape, p.count) for p in settings.pools]
    return local.facts(
        f"cnai-{stack}",
        workers=settings.workers,
        quota=quota,
        pools=pools,
        ports=settings.ports,
    )


def barred(mode: Mode) -> dict[str, str]:
    """Return the addons that cannot be had from a supply, and why. Pure."""
    if mode is not Mode.SOURCE:
        return {}
    return {name: why for name, pin in pins().items() if (why := pin.not_from_source)}


def chosen(settings: Settings, mode: Mode) -> list[Addon]:
    """Return the addons of the settings, in the order of installation. Pure.

    Raises ProblemError (CNAI-ADDON-001, -004) for one that is unknown or cannot be had, and
    CNAI-ADDON-005 for one that is switched off and needed.
    """
    cannot = barred(mode)
    picked = select(catalogue(), _wanted(settings, cannot), barred=cannot)
    given = providers(picked)
    for addon in picked:
        if settings.addons.get(addon.name) is False:
            users = [a.name for a in picked if addon.name in map(given.get, a.needs)]
            raise ProblemError(_needed(addon.name, ", ".join(users)))
    return order(picked)


def _wanted(settings: Settings, cannot: Mapping[str, str]) -> list[str]:
    """Return what is wanted without the capabilities all of whose givers are switched off."""
    off = {name for name, said in settings.addons.items() if said is False}
    able = [addon for addon in catalogue().values() if addon.name not in cannot]
    found: list[str] = []
    for name in settings.wanted():
        givers = {addon.name for addon in able if name in addon.provides}
        if not givers or givers - off:
            found.append(name)
    return found


def _needed(name: str, users: str) -> Problem:
    return Problem(
        "CNAI-ADDON-005",
        f"addon `{name}` is switched off, and {users} cannot work without it",
        f"`cnai:addons` says `{name}: false`",
        f"switch {users} off as well, or leave `{name}` on",
        exit_code=2,
    )


def around(team: Team, addons: list[Addon], seen: Mapping[str, Context]) -> list[Manifest]:
    """Return the fence and the limits of a team that belongs to the platform. Pure."""
    ways = {addon.name: addon.per_team(seen[addon.name], team).ways for addon in addons}
    return [*fence(team, ways), *limits(team)]


def contexts(
    facts: ClusterFacts,
    settings: Settings,
    addons: list[Addon],
    secret: Callable[[str], Any],
) -> dict[str, Context]:
    """Return what each addon may see; ``secret`` gives a password by name. Pure."""
    makers = {c: a for a in addons for c in a.provides}

    def database(name: str) -> Any:
        maker = makers["database"].database
        assert maker is not None
        return maker(name, secret(f"database-{name}"))

    def team_database(team: str) -> Any:
        maker = makers["database"].team_database
        assert maker is not None
        return maker(team, secret(f"database-team-{team}"))

    def bucket(name: str) -> Any:
        maker = makers["bucket"].bucket
        assert maker is not None
        return maker(name, secret)

    def team_bucket(team: str) -> Any:
        maker = makers["bucket"].team_bucket
        assert maker is not None
        return maker(team, secret)

    # The same for all of them, so made once.
    said = {addon.name: addon_settings(addon, settings) for addon in addons}
    devices = tuple(d for a in addons for d in a.devices(facts, said[a.name]))
    databases = tuple(n for a in addons for n in a.databases)
    buckets = tuple(n for a in addons for n in a.buckets)
    scrapes = tuple(scrape for a in addons for scrape in a.scrapes)
    addresses = {name: url for a in addons for name, url in a.addresses.items()}
    held = tuple(guard for guard in guards(settings) if guard["apiVersion"] == KYVERNO)
    return {
        addon.name: Context(
            facts=facts,
            settings=said[addon.name],
            pin=pins()[addon.name],
            image=supply.image_ref,
            module=supply.module_dir,
            secret=secret,
            database=database,
            bucket=bucket,
            team_database=team_database,
            team_bucket=team_bucket,
            databases=databases,
            buckets=buckets,
            teams=tuple(Team(name=name) for name in settings.teams),
            scrapes=scrapes,
            addresses=addresses,
            guards=held,
            devices=devices,
            prices=settings.prices,
        )
        for addon in addons
    }


class Platform:
    """A cluster and its addons; ``outputs`` is what the stack exports."""

    def __init__(self, stack: str, settings: Settings) -> None:
        """Describe the whole platform to the engine."""
        self._mode = supply.resolve(settings.supply)
        facts = facts_of(stack, settings)
        addons = chosen(settings, self._mode)
        cluster = KindCluster(
            "cluster",
            cluster=facts.name,
            stack=stack,
            workers=settings.workers,
            ports={p: facts.node_ports[name] for name, p in settings.ports.items()},
            mode=self._mode,
            images=sorted({name for addon in addons for name in addon.images}),
        )
        provider = k8s.Provider(
            "cluster",
            kubeconfig=cluster.kubeconfig,
            # Another cluster of the same name is another cluster: all that lived in the old one is
            # made again. A new kubeconfig of the same one replaces nothing.
            cluster_identifier=cluster.generation,
            enable_server_side_apply=True,
            opts=pulumi.ResourceOptions(parent=cluster, deleted_with=cluster),
        )
        ground = Ground(
            provider=provider,
            kubeconfig=cluster.kubeconfig,
            generation=cluster.generation,
            cluster=cluster,
        )
        self._install(ground, cluster, facts, settings, addons)
        self.outputs: dict[str, Any] = {
            "kubeconfig": cluster.kubeconfig,
            "generation": cluster.generation,
            "urls": {n: u for n, u in facts.urls.items() if any(n in a.endpoints for a in addons)},
            "queues": dict.fromkeys(settings.teams, "default"),
            "addons": {addon.name: pins()[addon.name].version for addon in addons},
        }

    def _install(
        self,
        ground: Ground,
        cluster: KindCluster,
        facts: ClusterFacts,
        settings: Settings,
        addons: list[Addon],
    ) -> None:
        inside = pulumi.ResourceOptions(parent=cluster, deleted_with=cluster)
        passwords: dict[str, Password] = {}

        def secret(name: str) -> pulumi.Output[str]:
            if name not in passwords:
                passwords[name] = Password(name, opts=inside)
            return passwords[name].value

        images = self._images(cluster, addons, inside)
        seen = contexts(facts, settings, addons, secret)
        within = pulumi.ResourceOptions(provider=ground.provider)
        there = pulumi.ResourceOptions.merge(inside, within)
        # They stand before there is a team, and go after the last.
        held = [
            place("guard", guard, there)
            for guard in guards(settings)
            if guard["apiVersion"] == NATIVE
        ]
        guarded = pulumi.ResourceOptions.merge(there, pulumi.ResourceOptions(depends_on=held))
        teams = []
        for team in (Team(name=name) for name in settings.teams):
            own = place("team", namespace(team.namespace, labels=labels(team)), guarded)
            after = pulumi.ResourceOptions.merge(there, pulumi.ResourceOptions(depends_on=[own]))
            walls = [place("team", wall, after) for wall in around(team, addons, seen)]
            teams += [own, *walls]
        selected = providers(addons)
        installed: dict[str, Installation] = {}
        for addon in addons:
            before = [installed[n].ready for n in predecessors(addon, selected)]
            installed[addon.name] = Installation(
                addon,
                seen[addon.name],
                ground=ground,
                chart=supply.chart(addon.chart, self._mode) if addon.chart else None,
                needs=[*before, *teams, *(images[i] for i in addon.images if i in images)],
                opts=inside,
            )

    def _images(
        self, cluster: KindCluster, addons: list[Addon], inside: pulumi.ResourceOptions
    ) -> dict[str, NodeImage]:
        names = sorted({name for addon in addons for name in addon.images})
        found = {name: supply.image_key(name, self._mode) for name in names}
        return {
            name: NodeImage(
                name,
                key=key,
                containers=cluster.containers,
                generation=cluster.generation,
                opts=inside,
            )
            for name, key in found.items()
            if key
        }
