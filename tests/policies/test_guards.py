"""The twins of rules at admission: each decides as its rule does, by Kyverno's own command line."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.labels import TENANT
from policies.catalog import rules
from stacks.compose import GUARDS, guards
from tests.policies.test_rules import CASES, Loader
from tools import supply
from tools.supply import Mode

TEAM = "team-a"
CLI = "kubectl-kyverno"


def matched(guard: dict[str, Any]) -> set[str]:
    """The plurals that a guard looks at."""
    rules = guard["spec"]["matchConstraints"]["resourceRules"]
    return {name for rule in rules for name in rule["resources"]}


def cases(guard: dict[str, Any], outcome: str) -> list[dict[str, Any]]:
    """The cases of the guard's rule that say enough to be an object."""
    path = CASES / f"{guard['metadata']['name'].upper()}.{outcome}.yaml"
    found: list[dict[str, Any]] = []
    for index, case in enumerate(yaml.load_all(path.read_text(), Loader)):
        group, kind = case["type"].removeprefix("kubernetes:").rsplit(":", 1)
        whole = isinstance(case["props"].get("spec"), dict)
        if whole and f"{kind.lower()}s" in matched(guard):
            metadata = {"name": f"case-{index}", "namespace": TEAM}
            metadata.update(case["props"].get("metadata", {}))
            made = {"apiVersion": group.removeprefix("core/"), "kind": kind, **case["props"]}
            found.append({**made, "metadata": metadata})
    return found


@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard["metadata"]["name"])
def test_it_holds_for_teams_whether_kyverno_is_up_or_not(guard: dict[str, Any]) -> None:
    spec = guard["spec"]
    name = guard["metadata"]["name"]
    assert (GUARDS / f"{name}.yaml").is_file()
    assert name.upper() in {rule.id for rule in rules()}
    assert guard["apiVersion"] == "policies.kyverno.io/v1"
    selected = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert selected == [{"key": TENANT, "operator": "Exists"}]
    # What Kyverno turns into a native policy is decided on without it.
    assert spec["autogen"]["validatingAdmissionPolicy"]["enabled"] is True
    assert not spec["autogen"]["podControllers"]["controllers"]
    assert spec["validationActions"] == ["Deny"]
    for validation in spec["validations"]:
        assert validation["message"].startswith(f"{name.upper()}: ")


@pytest.mark.skipif(
    not supply.places(Mode.SOURCE)["program:kyverno-cli"].exists(),
    reason="Kyverno's command line is not built: python -m tools ensure program:kyverno-cli",
)
@pytest.mark.parametrize("outcome", ["pass", "fail"])
@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard["metadata"]["name"])
def test_it_decides_as_its_rule_does(guard: dict[str, Any], outcome: str, tmp_path: Path) -> None:
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": TEAM, "labels": {TENANT: TEAM}},
    }
    shown = cases(guard, outcome)
    assert len(shown) > 1
    resources = tmp_path / "cases.yaml"
    resources.write_text(yaml.safe_dump_all([namespace, *shown]))
    done = subprocess.run(
        [
            *(supply.program(CLI, Mode.SOURCE), "apply"),
            *(GUARDS / f"{guard['metadata']['name']}.yaml", "--resource", resources),
            "--policy-report",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    report = done.stdout[done.stdout.index("apiVersion") :]
    results = [r for made in yaml.safe_load_all(report) for r in made["results"]]
    assert [r["result"] for r in results] == [outcome] * len(shown), done.stdout
