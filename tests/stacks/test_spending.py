from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from components.api_server import RefusedError
from components.prices import Estimate
from components.team import Budget as TeamBudget
from stacks.cli.fork import budgeted, described, priced
from stacks.cli.spending import Spent, budget_shown, of_base, spent
from stacks.cli.teams import data, row
from stacks.compose import facts_of
from stacks.settings import Settings, load
from stacks.team_settings import Budget, Mode
from stacks.teams import team_of
from tools.errors import ProblemError

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
FIRST = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
BASE: dict[str, Any] = {"pools": [{"name": "h100", "shape": "p5.48xlarge", "count": 2}]}


def series(value: float, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [NOW.timestamp(), str(value)]}


def cost(queue: str, value: float, device: str = "real") -> dict[str, Any]:
    return series(value, cluster_queue=queue, currency="USD", device=device)


def test_what_was_spent_is_by_queue_and_since_when_only_if_it_is_not_the_whole_month() -> None:
    found = spent({"spend": [cost("red", 1234.5)], "since": [series(FIRST + 30)]}, NOW)
    assert found["red"].shown() == "1,234.50 USD"
    late = spent({"spend": [cost("red", 1.0)], "since": [series(FIRST + 86400)]}, NOW)
    assert late["red"].shown() == "1.00 USD\nsince 2026-11-02 00:00 UTC"


def test_what_has_no_price_is_unknown_and_never_nothing() -> None:
    asked = {"unpriced": [series(1, cluster_queue="red", flavor="workers")]}
    assert spent(asked, NOW)["red"].shown() == "unknown"
    assert spent({**asked, "spend": [cost("red", 0.0)]}, NOW)["red"].shown() == "unknown"
    both = spent({**asked, "spend": [cost("red", 2.0)]}, NOW)["red"]
    assert both.shown() == "2.00 USD + unknown of workers"
    assert Spent().shown() == "unknown"
    assert spent({"spend": [cost("red", 0.0)]}, NOW)["red"].shown() == "0.00 USD"


def test_money_of_simulated_devices_is_called_simulated() -> None:
    fake = spent({"spend": [cost("red", 2.0, "simulated")]}, NOW)["red"]
    assert fake.shown() == "2.00 USD (simulated)"
    mixed = spent({"spend": [cost("red", 2.0, "simulated"), cost("red", 3.0)]}, NOW)["red"]
    assert (mixed.amount, mixed.device) == (5.0, "real")


class Silent:
    def text(self, _path: str) -> str:
        raise RefusedError(503, "ServiceUnavailable", "no endpoints")


def test_a_prometheus_that_does_not_answer_is_no_error() -> None:
    assert of_base(Silent(), NOW) == {}  # type: ignore[arg-type]


def test_a_budget_is_shown_with_what_it_does() -> None:
    assert budget_shown(None) == "-"
    assert budget_shown(Budget(amount=500, stops=True)) == "500.00 USD (stops)"
    assert "nothing more is admitted" in budgeted(TeamBudget(amount=500, stops=True))
    assert "alert" in budgeted(TeamBudget(amount=500))


def test_the_price_of_a_fork_says_what_is_unknown_and_what_nobody_pays() -> None:
    assert priced(Estimate(hour=27.52, simulated=("h100",))).startswith("27.52 USD an hour, 20,090")
    assert "simulated" in priced(Estimate(hour=27.52, simulated=("h100",)))
    assert priced(Estimate(hour=0, unknown=("workers",))) == "unknown for workers"
    assert priced(Estimate(hour=1, unknown=("workers",))).endswith("; unknown for workers")


def fork(quota: dict[str, Any], **said: Any) -> Settings:
    team = {"name": "red", "quota": quota, "budget": {"amount": 5, "stops": True}}
    return load({**BASE, **said, "extends": "kind", "team": team})


def test_a_budget_goes_with_the_team() -> None:
    settings = fork({"accelerators": {"nvidia.com/gpu": 1}})
    team = team_of(settings, facts_of("kind", settings), [])
    assert team.budget == TeamBudget(amount=5, stops=True)


def test_a_budget_cannot_stop_what_has_no_price() -> None:
    settings = fork({"cpu": "1"})
    with pytest.raises(ProblemError) as error:
        team_of(settings, facts_of("kind", settings), [])
    assert [problem.id for problem in error.value.problems] == ["CNAI-TEAM-013"]
    priced_ = fork({"cpu": "1"}, prices={"workers": 1.5})
    assert team_of(priced_, facts_of("kind", priced_), []).budget


def test_a_price_is_of_a_pool_or_shape_that_is_known() -> None:
    with pytest.raises(ProblemError) as error:
        load({**BASE, "prices": {"h10": 1.0}})
    assert "h100" in error.value.problems[0].why
    assert load({**BASE, "prices": {"h100": 1.0, "p5.48xlarge": 2.0, "workers": 0}}).prices


def test_a_stop_needs_a_budget() -> None:
    with pytest.raises(ProblemError) as error:
        described(
            "kind",
            team="red",
            mode=Mode.TENANT,
            gpus=None,
            cpu=None,
            memory=None,
            budget=None,
            stops=True,
            ttl=None,
            members=[],
        )
    assert error.value.problems[0].id == "CNAI-TEAM-014"


def test_a_row_tells_money_as_text_and_as_data() -> None:
    settings = fork({"accelerators": {"nvidia.com/gpu": 1}})
    known = {"red": Spent(amount=3.5, device="simulated", since="2026-11-02 00:00 UTC")}
    told = row("red-kind", settings, {}, date(2026, 11, 22), known)
    assert data(told)["spend"] == {
        "amount": 3.5,
        "currency": "USD",
        "since": "2026-11-02 00:00 UTC",
        "unpriced": (),
        "device": "simulated",
    }
    assert data(told)["budget"] == {"amount": 5.0, "currency": "USD", "stops": True}
    silent = row("red-kind", settings, {}, date(2026, 11, 22), {})
    assert (silent.spend.shown(), data(silent)["spend"]["amount"]) == ("unknown", None)


def test_a_cluster_of_its_own_is_not_asked() -> None:
    settings = load({**BASE, "extends": "kind", "team": {"name": "red", "mode": "stack"}})
    told = row("red-kind", settings, {}, date(2026, 11, 22), {"red": Spent(amount=3.5)})
    assert told.spend.shown() == "unknown"
