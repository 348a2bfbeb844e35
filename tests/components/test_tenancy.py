"""In which order a team's place is made, and so in which it is taken away: the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi.runtime import Mocks, mocks, settings, stack

from components.addon import Addon
from components.pods import job
from components.steps import Ground, Manifest
from components.team import Share, Team
from components.tenancy import Tenancy

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
RED = Team(name="red", tenant=True)
NOTED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "red"}}


def leaving(name: str) -> Addon:
    made = job(name, name, f"remove-{name}", image="i", command=["true"], user=1)
    share = Share(workloads=[NOTED], removal=[made])
    return Addon(name=name, title=name, namespace=name, per_team=lambda _ctx, _team: share)


class Nothing(Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return args.name, args.inputs

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None


def test_what_the_team_leaves_goes_when_its_namespace_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    placed: list[tuple[str, list[pulumi.Resource]]] = []
    place = Tenancy.place

    def noted(
        self: Tenancy, manifests: Sequence[Manifest], after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        placed.extend((manifest["kind"], list(after)) for manifest in manifests)
        return place(self, manifests, after)

    monkeypatch.setattr(Tenancy, "place", noted)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.reset_options()
    mocks.set_mocks(Nothing(), project="cnai", stack="red")

    async def bring_up() -> None:
        known = pulumi.Output.from_input("known")
        ground = Ground(provider=k8s.Provider("p"), kubeconfig=known, generation=known)
        ctx: Any = SimpleNamespace(devices=())
        Tenancy(RED, [(leaving(name), ctx) for name in ("one", "two")], ground=ground)

    loop.run_until_complete(stack.run_pulumi_func(bring_up))
    asyncio.set_event_loop(None)
    (waits,) = [after for kind, after in placed if kind == "Namespace"]
    assert {type(one).__name__ for one in waits} == {"Removal", "Grant"}
    assert all(after for kind, after in placed)
