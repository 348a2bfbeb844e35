"""What rules go by in a stack: whose namespaces are whose, what is allowed, what is borne. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import yaml

from addons import catalogue
from components.selection import select
from policies.catalog import rules
from policies.ground import Ground, Signers
from policies.guards import Manifest, manifests
from policies.pack import config
from policies.waivers import Waiver, read
from stacks.settings import Settings
from stacks.teams import is_tenant
from tools.paths import REPO

PACK = REPO / "policies"
OURS = PACK / "waivers.yaml"
"""Waivers of what the platform's own parts do."""


def ground(settings: Settings, tenants: Iterable[str] = ()) -> Ground:
    """Return what rules go by; ``tenants`` are teams beside those of the settings."""
    own = [settings.team.name] if settings.team and is_tenant(settings) else []
    return Ground(
        tenants=frozenset((*settings.teams, *own, *tenants)),
        registries=settings.registries,
        queued=queued(settings),
        production=settings.production,
        platform=operators(),
        signers=signers(settings),
    )


def queued(settings: Settings) -> bool:
    """Say whether an addon of the stack has queues: without one no namespace can have any."""
    return any(addon.capacity for addon in select(catalogue(), settings.wanted()))


def signers(settings: Settings) -> tuple[Signers, ...]:
    """Return who has to have signed what."""
    return tuple(
        Signers(
            images=each.images,
            keys=each.keys,
            issuer=each.keyless.issuer if each.keyless else "",
            subject=each.keyless.subject if each.keyless else "",
            secrets=each.secrets,
            plain_http=each.plain_http,
        )
        for each in settings.signatures
    )


def operators() -> tuple[str, ...]:
    """Return the groups whose members run the platform within a cluster: addons and Kubernetes."""
    spaces = {"kube-system", *(addon.namespace for addon in catalogue().values())}
    return tuple(f"system:serviceaccounts:{name}" for name in sorted(spaces))


def guards(settings: Settings) -> list[Manifest]:
    """Return the policies that hold rules at admission, native ones and those of Kyverno."""
    on = ground(settings)
    return [made for rule in rules() for made in manifests(rule, on)]


def waivers(settings: Settings) -> tuple[list[Waiver], list[str]]:
    """Return the waivers of the distribution and of the stack, and what is wrong with any."""
    return read(_said(settings), [rule.id for rule in rules()])


def pack_config(settings: Settings, today: date) -> dict[str, Any]:
    """Return what the policy pack is told."""
    return config(
        {
            "ground": ground(settings).told(),
            "waivers": _said(settings),
            "today": today.isoformat(),
        }
    )


def _said(settings: Settings) -> list[Mapping[str, Any]]:
    own = [waiver.model_dump(mode="json") for waiver in settings.waivers]
    # Days stay texts: what is told goes through JSON.
    return [*yaml.load(OURS.read_text(), Loader=yaml.BaseLoader), *own]
