"""The twins of rules at admission: what each has to say. What they decide is in tests/live."""

from __future__ import annotations

from typing import Any

import pytest

from components.labels import TENANT
from policies.catalog import rules
from stacks.compose import GUARDS, guards


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
    for rule in spec["matchConstraints"]["resourceRules"]:
        assert "*" not in rule["apiVersions"], "reports need the version"
