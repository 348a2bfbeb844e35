from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from addons import catalogue
from components.addon import Addon, Context, everything
from stacks.compose import contexts, facts_of
from stacks.settings import load

SETTINGS = {
    "pools": [{"name": "h100", "shape": "p5.48xlarge", "count": 2}],
    "queue": {"cpu": "1500m", "memory": "4Gi"},
}


@pytest.fixture(params=sorted(catalogue()))
def addon(request: pytest.FixtureRequest) -> Addon:
    return catalogue()[request.param]


@pytest.fixture
def context() -> Callable[[Addon], Context]:
    settings = load(SETTINGS)
    seen = contexts(
        facts_of("kind", settings),
        settings,
        list(catalogue().values()),
        lambda name: f"secret of {name}",
    )
    return lambda addon: seen[addon.name]


def described(addon: Addon, ctx: Context) -> dict[str, Any]:
    """All that an addon puts into a cluster, as plain data."""
    does = everything(addon, ctx)
    return {
        "namespace": addon.namespace,
        "crds": sorted(path.name for path in addon.crds(ctx)),
        "values": addon.values(ctx),
        "workloads": does.workloads,
        "ready": [probe.data() for probe in does.ready],
        "resources": does.resources,
        "proof": [probe.data() for probe in does.proof],
    }
