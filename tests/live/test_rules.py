"""The rules as promtool sees them: well-formed, firing when they should and not before."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from addons import script
from components.alerts import prometheus_rule
from components.clusters.local import simulated_pool
from tools import supply

pytestmark = pytest.mark.live

CASES = Path(__file__).with_name("rules.yaml")


@pytest.fixture(scope="module")
def promtool() -> Path:
    return supply.program("promtool")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    groups = yaml.safe_load(script("prometheus", "rules.yaml"))["groups"]
    pools = (simulated_pool("h100", "p5.48xlarge", 2),)
    made = prometheus_rule("monitoring", groups, pools=pools)["spec"]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(made))
    shutil.copy(CASES, tmp_path)
    return file


def run(*command: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_promtool_finds_no_mistake(promtool: Path, rules: Path) -> None:
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", rules)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_not_before(promtool: Path, rules: Path) -> None:
    done = run(promtool, "test", "rules", rules.with_name(CASES.name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_is_wrong_is_found(promtool: Path, rules: Path) -> None:
    made = json.loads(rules.read_text())
    for group in made["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") == "QueueStarved":
                rule["for"] = "1h"
    rules.write_text(json.dumps(made))
    done = run(promtool, "test", "rules", rules.with_name(CASES.name))
    assert done.returncode != 0
    assert "QueueStarved" in done.stdout + done.stderr
