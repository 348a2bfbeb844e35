"""What teams spend, as promtool counts it: two flavors, no price, the end of a month, a budget."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from addons import script
from components.alerts import prometheus_rule
from components.clusters.local import simulated_pool
from components.facts import Pool, Quota
from components.prices import units
from components.spend import budget_rule, prices, spend
from components.team import Budget, Team
from tools import supply

pytestmark = pytest.mark.live

CASES = Path(__file__).with_name("spend_rules.yaml")
POOLS = (
    Pool(name="workers", count=2, quota=Quota(cpu="2", memory="4Gi")),
    simulated_pool("h100", "p5.48xlarge", 2),
    simulated_pool("l4", "g6.xlarge", 3),
)
RED = Team(name="red", tenant=True, budget=Budget(amount=60.0, stops=True))


def made() -> dict[str, Any]:
    groups = yaml.safe_load(script("prometheus", "rules.yaml"))["groups"]
    first = [spend(prices(POOLS, units(POOLS, (), {})), "1h", "kueue-system")]
    rules = prometheus_rule("monitoring", groups, pools=POOLS, first=first)["spec"]
    own = budget_rule(RED, "monitoring", "1h")["spec"]
    return {"groups": [*own["groups"], *rules["groups"]]}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(made()))
    shutil.copy(CASES, tmp_path)
    return file


def promtool(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [supply.program("promtool"), *arguments], check=False, capture_output=True, text=True
    )


def test_promtool_finds_no_mistake(rules: Path) -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", rules)
    assert done.returncode == 0, done.stdout + done.stderr


def test_money_is_counted(rules: Path) -> None:
    done = promtool("test", "rules", rules.with_name(CASES.name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_price_that_is_wrong_is_found(rules: Path) -> None:
    rules.write_text(rules.read_text().replace("vector(6.88)", "vector(6.89)"))
    done = promtool("test", "rules", rules.with_name(CASES.name))
    assert done.returncode != 0
    assert "cnai:team_cost:per_hour" in done.stdout + done.stderr
