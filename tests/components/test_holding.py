"""What a team's place is made of, as the engine is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi.runtime import Mocks, mocks, settings, stack

from addons import catalogue
from components.steps import Ground
from components.team import Budget, Team
from components.tenancy import Tenancy
from stacks.compose import contexts, facts_of
from stacks.settings import load

# The SDK makes event loops of its own and leaves them to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Engine(Mocks):
    """Takes down what it is asked to make."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made.append(f"{args.typ} {args.name}")
        return args.name, dict(args.inputs)

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None


def asked(budget: Budget | None) -> list[str]:
    """Return all that the engine was asked for, for a team with a budget."""
    engine = Engine()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.reset_options()
    mocks.set_mocks(engine, project="cnai", stack="unlikely")
    said = load({"pools": [{"name": "h100", "shape": "p5.48xlarge", "count": 2}]})
    seen = contexts(facts_of("kind", said), said, [*catalogue().values()], str)
    team = Team(name="red", tenant=True, budget=budget, quota={"h100": {"nvidia.com/gpu": "1"}})

    async def place() -> None:
        where = pulumi.Output.from_input("it")
        provider = k8s.Provider("it", kubeconfig=where)
        ground = Ground(provider=provider, kubeconfig=where, generation=where)
        Tenancy(team, [(catalogue()["prometheus"], seen["prometheus"])], ground=ground)

    loop.run_until_complete(stack.run_pulumi_func(place))
    asyncio.set_event_loop(None)
    return engine.made


@pytest.mark.parametrize(
    ("budget", "counted", "held"),
    [
        (None, False, False),
        (Budget(amount=5.0), True, False),
        (Budget(amount=5.0, stops=True), True, True),
    ],
)
def test_a_budget_is_counted_and_holds_a_queue_only_where_it_stops(
    budget: Budget | None, counted: bool, held: bool
) -> None:
    made = " ".join(asked(budget))
    assert ("prometheusrule/monitoring/team-red" in made) is counted
    assert ("cronjob/monitoring/budget-red" in made) is held
    assert (":Holding red" in made) is held
