"""The contract of an addon. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from components.devices import Devices
from components.facts import ClusterFacts
from components.probes import Probe
from components.quotas import Amounts
from components.scrapes import Scrape
from components.stores import Bucket, Database
from components.team import Share, Team

Manifest = dict[str, Any]


class AddonSettings(BaseModel):
    """What a stack may say of every addon; addons extend it with their own keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One addon's table in ``addons/versions.toml``.

    ``not_from_source`` says, where it is so, why the addon cannot be had without upstream's images.
    """

    version: str
    licence: str
    homepage: str
    not_from_source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """All that an addon's pure functions may see.

    ``secret`` gives a password by name, ``database`` and ``bucket`` the connection that was made
    for an addon, ``team_database`` and ``team_bucket`` that of a tenant's own: at run time their
    fields hold outputs of Pulumi, in tests plain text. ``module`` is the directory of the Go module
    that a program is built from (CRDs are read there).
    ``databases`` and ``buckets`` name what the selected addons need altogether, ``teams``
    who works on the cluster, ``scrapes`` where the metrics of all of them are. ``addresses``
    maps a service (``otlp``, ``prometheus``, ``mlflow``) to its URL inside the cluster, for those
    that are there: an addon that can use another asks here. ``guards`` are the admission policies
    of the rules that have to hold at admission. ``devices`` are what the selected addons serve,
    ``prices`` the stack's own, in USD for an hour of a node, by pool or shape.
    """

    facts: ClusterFacts
    settings: Any
    pin: Pin
    image: Callable[[str], str]
    module: Callable[[str], Path]
    secret: Callable[[str], Any]
    database: Callable[[str], Database]
    bucket: Callable[[str], Bucket]
    team_database: Callable[[str], Database]
    team_bucket: Callable[[str], Bucket]
    databases: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    teams: tuple[Team, ...] = ()
    scrapes: tuple[Scrape, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    guards: tuple[Manifest, ...] = ()
    devices: tuple[Devices, ...] = ()
    prices: Mapping[str, float] = field(default_factory=dict)


def _nothing(_: Context) -> list[Manifest]:
    return []


def _no_files(_: Context) -> Sequence[Path]:
    return ()


def _no_values(_: Context) -> Manifest:
    return {}


def _no_devices(_facts: ClusterFacts, _settings: Any) -> Sequence[Devices]:
    return ()


def _no_share(_ctx: Context, _team: Team) -> Share:
    return Share()


def _no_probes(_: Context) -> Sequence[Probe]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One part of the platform: what it is made of and how it is known to work.

    It is installed in steps, each of which waits for the one before: ``crds`` (files that define
    its kinds), then the chart with ``values`` and the ``workloads``, then ``ready`` (controllers
    answer), then ``resources`` (objects of the addon's own kinds) and last ``proof``: probes that
    use the addon. What comes after an addon in the order starts when its proof held. ``chart`` and
    ``images`` are names in the catalogue of ``tools``.

    ``per_team`` is what it does for one team, in the same steps; ``capacity`` is what teams may be
    granted, of the addon that has the queues. ``conflicts`` names addons and capabilities that
    cannot be there beside this one, ``devices`` tells, given the facts and the addon's settings,
    which devices it serves. ``addresses`` is what other addons may find in their context,
    ``endpoints`` what a person may open. ``leftovers`` selects, by label, the webhook
    configurations that a controller makes at run time and leaves when it goes.
    """

    name: str
    title: str
    namespace: str
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    passwords: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    settings: type[AddonSettings] = AddonSettings
    chart: str | None = None
    privileged: bool = False
    crds: Callable[[Context], Sequence[Path]] = _no_files
    values: Callable[[Context], Manifest] = _no_values
    workloads: Callable[[Context], list[Manifest]] = _nothing
    ready: Callable[[Context], Sequence[Probe]] = _no_probes
    resources: Callable[[Context], list[Manifest]] = _nothing
    proof: Callable[[Context], Sequence[Probe]] = _no_probes
    database: Callable[[str, Any], Database] | None = None
    bucket: Callable[[str, Callable[[str], Any]], Bucket] | None = None
    team_database: Callable[[str, Any], Database] | None = None
    team_bucket: Callable[[str, Callable[[str], Any]], Bucket] | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    scrapes: tuple[Scrape, ...] = ()
    leftovers: str | None = None
    devices: Callable[[ClusterFacts, Any], Sequence[Devices]] = _no_devices
    per_team: Callable[[Context, Team], Share] = _no_share
    capacity: Callable[[Context], Amounts] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Names and capabilities that have to be there before this addon."""
        capabilities = ("database",) * bool(self.databases) + ("bucket",) * bool(self.buckets)
        return tuple(dict.fromkeys(self.requires + capabilities))


def everything(addon: Addon, ctx: Context) -> Share:
    """Return what an addon does for the platform and for each team of the context, step by step."""
    shares = [addon.per_team(ctx, team) for team in ctx.teams]
    return Share(
        workloads=[*addon.workloads(ctx), *(m for s in shares for m in s.workloads)],
        ready=[*addon.ready(ctx), *(p for s in shares for p in s.ready)],
        resources=[
            *addon.resources(ctx),
            *(m for s in shares for m in (*s.beneath, *s.resources)),
        ],
        proof=[*addon.proof(ctx), *(p for s in shares for p in s.proof)],
    )
