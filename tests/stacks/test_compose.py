"""The whole program, against an engine that only takes notes: what is placed where, and how."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime import Mocks, mocks, settings, stack
from pulumi.runtime.proto import callback_pb2

from stacks.compose import Platform, chosen, facts_of
from stacks.program import said
from stacks.settings import load
from tools.supply import Mode

# The SDK makes event loops of its own and leaves them to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STACK = "unlikely"
SAID = {"supply": "source", "pools": [{"name": "h100", "shape": "p5.48xlarge", "count": 2}]}


class Notes(Mocks):
    """Takes down what was registered; outputs are inputs."""

    def __init__(self) -> None:
        self.made: list[pulumi.runtime.MockResourceArgs] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made.append(args)
        extra = {"kubeconfig": "k", "generation": "g", "containers": ["n"], "value": "v"}
        return f"{args.name}-id", {**args.inputs, **extra}

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None


class Uncalled:
    """Stands where an engine would be told of transforms."""

    def register_transform(self, _: Any) -> callback_pb2.Callback:
        return callback_pb2.Callback()


@pytest.fixture(scope="module")
def made() -> Iterator[list[pulumi.runtime.MockResourceArgs]]:
    notes = Notes()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.reset_options()
    mocks.set_mocks(notes, project="cnai", stack=STACK)
    # Transforms are for the engine to call; what takes notes has none to call.
    settings.SETTINGS.callbacks = Uncalled()

    async def bring_up() -> None:
        Platform(STACK, load(SAID))

    loop.run_until_complete(stack.run_pulumi_func(bring_up))
    yield notes.made
    asyncio.set_event_loop(None)


def test_every_object_of_the_cluster_has_an_explicit_provider(
    made: list[pulumi.runtime.MockResourceArgs],
) -> None:
    inside = [m for m in made if m.typ.startswith("kubernetes:")]
    assert len(inside) > 20
    assert all("pulumi:providers:kubernetes" in (m.provider or "") for m in inside)


def test_names_hold_neither_stack_nor_cloud(made: list[pulumi.runtime.MockResourceArgs]) -> None:
    names = [m.name for m in made]
    assert not [n for n in names if STACK in n or "kind" in n]


def test_each_addon_is_one_component(made: list[pulumi.runtime.MockResourceArgs]) -> None:
    placed = {m.name for m in made if m.typ == "cnai:index:Installation"}
    assert placed == {addon.name for addon in chosen(load(SAID), Mode.SOURCE)}


def test_a_new_cluster_of_the_name_is_another_cluster(
    made: list[pulumi.runtime.MockResourceArgs],
) -> None:
    (provider,) = [m for m in made if m.typ == "pulumi:providers:kubernetes"]
    assert provider.inputs["clusterIdentifier"] == "g"


def test_each_image_is_loaded_once(made: list[pulumi.runtime.MockResourceArgs]) -> None:
    loaded = [m.name for m in made if m.typ.endswith("cnai:NodeImage")]
    assert sorted(set(loaded)) == sorted(loaded)
    assert {"kueue", "mlflow", "trainer-jax"} <= set(loaded)


def test_structured_values_come_as_json_and_foreign_keys_are_left_out() -> None:
    config = {"cnai:workers": "2", "cnai:ports": '{"mlflow": 5050}', "other:key": "x"}
    assert said(config) == {"workers": "2", "ports": {"mlflow": 5050}}


def test_facts_say_what_the_pools_have() -> None:
    facts = facts_of(STACK, load(SAID))
    assert [(p.name, p.device, p.accelerators) for p in facts.pools] == [
        ("workers", "none", 0),
        ("h100", "simulated", 16),
    ]
    assert facts.urls == {"mlflow": "http://localhost:5050"}
    assert facts.node_ports == {"mlflow": 30500}


def test_a_capability_whose_givers_are_switched_off_is_not_wanted() -> None:
    off = {"addons": {"trivy": False}}
    assert "trivy" in {addon.name for addon in chosen(load(SAID), Mode.SOURCE)}
    assert "trivy" not in {addon.name for addon in chosen(load(SAID | off), Mode.SOURCE)}


def test_kueue_comes_after_what_it_admits() -> None:
    names = [addon.name for addon in chosen(load(SAID), Mode.SOURCE)]
    assert names.index("jobset") < names.index("trainer") < names.index("kueue")
