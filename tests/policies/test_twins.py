from __future__ import annotations

from typing import Any

import pytest

from policies.catalog import rules
from policies.ground import Ground, Signers
from policies.guards import manifests
from policies.twins import differences, standing
from policies.verdict import Outcome

# All that twins can be held against.
GROUND = Ground(
    registries=("registry.test/",),
    production=True,
    platform=("them",),
    signers=(Signers(images=("registry.test/acme",), keys=("KEY",)),),
)
GUARDED = [rule for rule in rules() if rule.twin]
Key = tuple[str, str, str]


def cluster() -> dict[Key, dict[str, Any]]:
    """All twins, and what Kyverno makes of its own."""
    there: dict[Key, dict[str, Any]] = {}
    for rule in GUARDED:
        for thing in manifests(rule, GROUND):
            name = thing["metadata"]["name"]
            there[thing["apiVersion"], thing["kind"], name] = thing
            if thing["kind"] != "ValidatingPolicy":
                continue
            for kind, end in (("Policy", ""), ("PolicyBinding", "-binding")):
                made = f"ValidatingAdmission{kind}"
                there["admissionregistration.k8s.io/v1", made, f"vpol-{name}{end}"] = {"spec": {}}
    return there


def outcomes(there: dict[Key, dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    found = standing(rules(), lambda *key: there.get(key), GROUND)
    assert {f.rule for f in found} == {rule.id for rule in GUARDED}
    return {f.rule: f.messages for f in found if f.outcome is Outcome.FAIL}


def test_twins_that_stand_as_they_were_written_pass() -> None:
    assert GUARDED
    assert outcomes(cluster()) == {}


@pytest.mark.parametrize("rule", GUARDED, ids=lambda rule: rule.id)
def test_a_twin_that_is_gone_or_was_changed_is_found(rule: Any) -> None:
    for change in ("gone", "changed"):
        there = cluster()
        first = manifests(rule, GROUND)[0]
        key = (first["apiVersion"], first["kind"], first["metadata"]["name"])
        if change == "gone":
            del there[key]
        else:
            there[key] = {"spec": {**there[key]["spec"], "failurePolicy": "Ignore"}}
        (message,) = outcomes(there)[rule.id]
        assert message.endswith("is not in the cluster" if change == "gone" else "failurePolicy")


def test_what_the_server_fills_in_is_no_difference() -> None:
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}], "d": 3}) == []
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == ["spec.a[0].b"]
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["spec.a"]
    assert differences({"a": {}}, {}) == ["spec.a"]


def test_nothing_is_missed_of_a_twin_that_has_nothing_to_go_by() -> None:
    needs = {"CNAI-SUP-002", "CNAI-SUP-003", "CNAI-SUP-006", "CNAI-TEN-010"}
    assert {f.rule for f in standing(rules(), lambda *_: None)} == {
        rule.id for rule in GUARDED
    } - needs
