from __future__ import annotations

from policies.audit import of_resources, of_settings
from policies.catalog import Framework, Gate, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.verdict import PASS, Outcome, Verdict

POD = "kubernetes:core/v1:Pod"


def rule(scope: Scope = Scope.CLUSTER, **more: object) -> Rule:
    said = {
        "id": "CNAI-XXX-999",
        "title": "t",
        "severity": Severity.LOW,
        "scope": scope,
        "frameworks": (Framework("f", "1", "r"),),
        "rationale": "r.",
        "remedy": "r.",
        "types": (POD,),
        **more,
    }
    return Rule(**said)  # type: ignore[arg-type]


def pod(namespace: str) -> Resource:
    return Resource(POD, f"{namespace}/one", {"metadata": {"namespace": namespace}})


GROUND = Ground(tenants=frozenset({"vision"}))


def never(_: Resource, __: Ground) -> Verdict:
    return Verdict.fail("never")


def test_a_rule_for_teams_looks_at_their_namespaces_alone() -> None:
    seen = [pod("vision"), pod("mlflow")]
    found = of_resources(Gate.PACK, [rule(Scope.TEAM, check=never)], seen, GROUND)
    assert [(f.resource, f.team) for f in found] == [("vision/one", "vision")]
    found = of_resources(Gate.PACK, [rule(Scope.PLATFORM, check=never)], seen, GROUND)
    assert [(f.resource, f.team) for f in found] == [("mlflow/one", None)]


def test_a_cloud_is_not_looked_for_in_a_cluster() -> None:
    assert of_resources(Gate.LIVE, [rule(Scope.CLOUD, check=never)], [pod("a")], GROUND) == []


def test_a_relation_answers_for_what_it_names() -> None:
    together = rule(relation=lambda seen, _: {"vision": Verdict.fail(f"{len(seen)} pods")})
    (found,) = of_resources(Gate.STATE, [together], [pod("a"), pod("b")], GROUND)
    assert (found.resource, found.team, found.messages) == ("vision", "vision", ("2 pods",))
    assert found.open


def test_settings_are_judged_by_what_has_an_opinion_on_them() -> None:
    known = [rule(check=never), rule(intent=lambda settings, _: PASS)]
    (found,) = of_settings(known, {}, GROUND)
    assert (found.gate, found.outcome) == (Gate.SETTINGS, Outcome.PASS)
