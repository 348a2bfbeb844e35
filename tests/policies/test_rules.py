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

from policies.catalog import Framework, Outcome, Rule, Severity, rules
from policies.plain import UNKNOWN, plain
from policies.pods import CONTAINERS
from policies.supply_chain import tag

CASES = Path(__file__).parent / "cases"
KINDS = {"pass": Outcome.PASS, "fail": Outcome.FAIL, "unknown": Outcome.UNDECIDED}
BY_ID = {rule.id: rule for rule in rules()}


class Loader(yaml.SafeLoader):
    """YAML in which ``!unknown`` is what the engine puts for a value that only `up` will know."""


Loader.add_constructor("!unknown", lambda *_: proxy.UNKNOWN_STRING_VALUE)


def cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.yaml")):
        rule, kind, _ = path.name.split(".")
        documents = list(yaml.load_all(path.read_text(), Loader))
        for index, case in enumerate(documents):
            yield pytest.param(BY_ID[rule], KINDS[kind], case, id=f"{rule}-{kind}-{index}")


@pytest.mark.parametrize(("rule", "outcome", "case"), list(cases()))
def test_case(rule: Rule, outcome: Outcome, case: dict[str, Any]) -> None:
    props = plain(proxy.unknown_checking_proxy(case["props"]))
    verdict = rule.judge(case["type"], props)
    assert verdict.outcome is outcome, verdict
    assert bool(verdict.messages) == (outcome is not Outcome.PASS)
    assert any(case.get("says", "") in message for message in verdict.messages or ("",)), verdict


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_rule_is_whole(rule: Rule) -> None:
    for kind in KINDS:
        assert (CASES / f"{rule.id}.{kind}.yaml").is_file(), f"no cases of kind {kind}"
    assert rule.frameworks
    assert rule.rationale.endswith(".")
    assert rule.remedy.endswith(".")
    assert not rule.title.endswith(".")


KEYS = st.sampled_from(
    [
        *("spec", "metadata", "labels", "template", "trainer", "resources", "limits", "requests"),
        *("resourceClaims", "data", "image", "name", "kueue.x-k8s.io/queue-name"),
        *("nvidia.com/gpu", *CONTAINERS),
    ]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(UNKNOWN)
)
SHAPES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
TYPES = st.sampled_from(
    [
        "kubernetes:core/v1:Pod",
        "kubernetes:batch/v1:CronJob",
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:trainer.kubeflow.org/v1alpha1:TrainJob",
        "aws:s3/bucket:Bucket",
        "",
    ]
)


@given(type_=TYPES, props=st.dictionaries(KEYS, SHAPES, max_size=5))
def test_no_shape_makes_a_rule_raise(type_: str, props: dict[str, Any]) -> None:
    for rule in rules():
        verdict = rule.check(type_, props)
        assert bool(verdict.messages) == (verdict.outcome is not Outcome.PASS)


def test_a_rule_that_stumbles_has_not_passed() -> None:
    def stumble(_type: str, props: Any) -> Any:
        raise KeyError(props["secret"])

    rule = Rule("CNAI-XXX-999", "t", Severity.LOW, (Framework("f", "1", "r"),), "r.", "r.", stumble)
    verdict = rule.judge("kubernetes:core/v1:Pod", {"secret": "hunter2"})
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


def test_proxies_become_builtins() -> None:
    unknown = proxy.UNKNOWN_OBJECT_VALUE
    proxied = proxy.unknown_checking_proxy({"a": {"b": unknown, "c": [1, unknown, {"d": "x"}]}})
    assert plain(proxied) == {"a": {"b": UNKNOWN, "c": [1, UNKNOWN, {"d": "x"}]}}
