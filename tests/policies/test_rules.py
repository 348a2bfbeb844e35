"""Every rule against its cases, through the proxies in which the engine hands over properties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pulumi_policy import proxy

from policies.catalog import Framework, Gate, Rule, Scope, Severity, rules
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN, plain
from policies.pods import CONTAINERS
from policies.rules.gpu import ACCELERATOR
from policies.rules.supply_chain import tag
from policies.verdict import PASS, Outcome, Verdict

CASES = Path(__file__).parent / "cases"
KINDS = {"pass": Outcome.PASS, "fail": Outcome.FAIL, "unknown": Outcome.UNDECIDED}
BY_ID = {rule.id: rule for rule in rules()}


class Loader(yaml.SafeLoader):
    """YAML in which ``!unknown`` is what the engine puts for a value that only `up` will know."""


Loader.add_constructor("!unknown", lambda *_: proxy.UNKNOWN_STRING_VALUE)


ANYWHERE = Ground(tenants=frozenset({"team"}), registries=("registry.test/",), production=True)


def words(value: Any) -> Iterator[str]:
    """Every key in a case."""
    if isinstance(value, dict):
        yield from (key for key in value if isinstance(key, str))
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from words(inner)


def cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.yaml")):
        rule, kind, _ = path.name.split(".")
        documents = list(yaml.load_all(path.read_text(), Loader))
        for index, case in enumerate(documents):
            yield pytest.param(BY_ID[rule], KINDS[kind], case, id=f"{rule}-{kind}-{index}")


def known(value: Any) -> Any:
    """What a case says, as rules see it; unknown values come through the engine's own proxies."""
    return plain(proxy.unknown_checking_proxy(value))


def resource(said: dict[str, Any]) -> Resource:
    props = known(said.get("props", {}))
    return Resource(
        said["type"], said.get("name", "case"), props, said.get("protect"), said.get("id")
    )


@pytest.mark.parametrize(("rule", "outcome", "case"), list(cases()))
def test_case(rule: Rule, outcome: Outcome, case: dict[str, Any]) -> None:
    ground = Ground.read(case.get("ground", {}))
    if "settings" in case:
        verdicts = [rule.intend(known(case["settings"]), ground)]
    elif "resources" in case:
        found = rule.relate([resource(said) for said in case["resources"]], ground)
        verdicts = list(found.values()) or [PASS]
    else:
        seen = resource(case)
        assert rule.looks_at(seen, ground) or outcome is Outcome.PASS
        verdicts = [rule.judge(seen, ground)] if rule.looks_at(seen, ground) else [PASS]
    worst = next(
        (o for o in (Outcome.FAIL, Outcome.UNDECIDED) if any(v.outcome is o for v in verdicts)),
        Outcome.PASS,
    )
    messages = [message for verdict in verdicts for message in verdict.messages]
    assert worst is outcome, verdicts
    assert bool(messages) == (outcome is not Outcome.PASS)
    assert any(case.get("says", "") in message for message in messages or ("",)), verdicts


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_rule_is_whole(rule: Rule) -> None:
    judges = rule.check or rule.relation or rule.intent
    for kind in KINDS if judges else ():
        assert (CASES / f"{rule.id}.{kind}.yaml").is_file(), f"no cases of kind {kind}"
    if not judges:
        assert rule.gates == (Gate.ADMISSION,)
    assert rule.frameworks
    assert rule.gates
    if rule.check or rule.relation:
        assert rule.types
    if rule.twin:
        assert Gate.ADMISSION in rule.gates
    assert rule.rationale.endswith(".")
    assert rule.remedy.endswith(".")
    assert not rule.title.endswith(".")


# Every word of the rules' cases is a key that some rule looks for.
WORDS = sorted(
    {
        word
        for path in CASES.glob("*.yaml")
        for case in yaml.load_all(path.read_text(), Loader)
        for word in words(case)
    }
    | set(CONTAINERS)
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(UNKNOWN)
)
SHAPES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=20,
)
PROPS = st.dictionaries(st.sampled_from(WORDS), SHAPES, max_size=5)


@pytest.mark.parametrize("rule", [r for r in rules() if r.check], ids=lambda rule: rule.id)
@given(props=PROPS, protect=st.sampled_from([None, True, False]), data=st.data())
def test_no_shape_makes_a_rule_raise(
    rule: Rule, props: dict[str, Any], protect: bool | None, data: st.DataObject
) -> None:
    type_ = data.draw(st.sampled_from(rule.types)).replace("*", "core/v1:Pod")
    assert rule.check
    verdict = rule.check(Resource(type_, "any", props, protect), ANYWHERE)
    assert bool(verdict.messages) == (verdict.outcome is not Outcome.PASS)


@pytest.mark.parametrize("rule", [r for r in rules() if r.relation], ids=lambda rule: rule.id)
@given(listed=st.lists(PROPS, max_size=3), data=st.data())
def test_no_shapes_together_make_a_rule_raise(
    rule: Rule, listed: list[dict[str, Any]], data: st.DataObject
) -> None:
    types = st.sampled_from(rule.types)
    seen = [
        Resource(data.draw(types).replace("*", "core/v1:Pod"), f"any-{n}", props)
        for n, props in enumerate(listed)
    ]
    assert rule.relation
    for verdict in rule.relation(seen, ANYWHERE).values():
        assert bool(verdict.messages) == (verdict.outcome is not Outcome.PASS)


@pytest.mark.parametrize("rule", [r for r in rules() if r.intent], ids=lambda rule: rule.id)
@given(settings=PROPS)
def test_no_settings_make_a_rule_raise(rule: Rule, settings: dict[str, Any]) -> None:
    assert rule.intent
    verdict = rule.intent(settings, ANYWHERE)
    assert bool(verdict.messages) == (verdict.outcome is not Outcome.PASS)


def test_a_rule_that_stumbles_has_not_passed() -> None:
    def stumble(resource: Resource, _: Ground) -> Verdict:
        raise KeyError(resource.props["secret"])

    rule = Rule(
        id="CNAI-XXX-999",
        title="t",
        severity=Severity.LOW,
        scope=Scope.CLUSTER,
        frameworks=(Framework("f", "1", "r"),),
        rationale="r.",
        remedy="r.",
        check=stumble,
    )
    pod = Resource("kubernetes:core/v1:Pod", "case", {"secret": "hunter2"})
    verdict = rule.judge(pod, Ground())
    assert verdict.outcome is Outcome.FAIL
    assert "CNAI-XXX-999 could not judge" in verdict.messages[0]
    assert "hunter2" not in verdict.messages[0]


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("busybox", None),
        ("busybox:", None),
        ("busybox:1", "1"),
        ("host:5000/busybox", None),
        ("host:5000/busybox:1", "1"),
        ("host/a@sha256:0", "sha256:0"),
    ],
)
def test_what_pins_an_image(image: str, found: str | None) -> None:
    assert tag(image) == found


def test_what_an_accelerator_is_called_is_the_same_at_admission() -> None:
    twin = BY_ID["CNAI-GPU-001"].twin
    assert twin
    assert f"^{ACCELERATOR.pattern}$".replace("\\.", "[.]") in twin.read_text()


def test_proxies_become_builtins() -> None:
    unknown = proxy.UNKNOWN_OBJECT_VALUE
    proxied = proxy.unknown_checking_proxy({"a": {"b": unknown, "c": [1, unknown, {"d": "x"}]}})
    assert plain(proxied) == {"a": {"b": UNKNOWN, "c": [1, UNKNOWN, {"d": "x"}]}}
