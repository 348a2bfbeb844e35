from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons import catalogue
from components.clusters.shapes import SHAPES
from stacks import stack_files
from stacks.compose import chosen
from stacks.profiles import PROFILES
from stacks.settings import MOST_NODES, addon_settings, inherited, load, merge, origins
from tools.errors import Problem, ProblemError
from tools.supply import Mode


def refused(values: dict[str, Any]) -> Problem:
    with pytest.raises(ProblemError) as caught:
        load(values)
    assert caught.value.exit_code == 2
    return caught.value.problems[0]


def test_defaults_are_the_laptop() -> None:
    settings = load({})
    assert (settings.tier, settings.profile, settings.supply) == ("kind", "laptop", Mode.AUTO)


def test_text_of_a_stack_file_becomes_the_right_type() -> None:
    assert load({"workers": "3"}).workers == 3


@pytest.mark.parametrize(
    ("values", "what", "fix"),
    [
        ({"suply": "auto"}, "cnai:suply is not a key", "write `supply` instead of `suply`"),
        (
            {"queue": {"cpus": "1"}},
            "cnai:queue.cpus is not a key",
            "write `cpu` instead of `cpus`",
        ),
        (
            {"pools": [{"name": "a", "shape": "g6.xlarge", "count": 1, "cout": 2}]},
            "cnai:pools.0.cout is not a key",
            "write `count` instead of `cout`",
        ),
    ],
)
def test_an_unknown_key_gets_its_nearest_match(values: dict[str, Any], what: str, fix: str) -> None:
    problem = refused(values)
    assert (problem.what, problem.fix) == (what, fix)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"workers": "many"}, "cnai:workers cannot be 'many'"),
        ({"workers": 0}, "cnai:workers cannot be 0"),
        ({"tier": "moon"}, "cnai:tier cannot be 'moon'"),
        ({"queue": {"cpu": "two"}}, "cnai:queue.cpu cannot be 'two'"),
        ({"profile": "lapto"}, "the nearest is laptop"),
        ({"pools": [{"name": "a", "shape": "p5.48xlarg", "count": 1}]}, "nearest is p5.48xlarge"),
        ({"pools": [{"name": "a", "shape": "g6.xlarge", "count": 0}]}, "cnai:pools.0.count"),
        ({"pools": [{"name": "workers", "shape": "g6.xlarge", "count": 1}]}, "own nodes"),
        ({"pools": [{"name": "a", "shape": "g6.xlarge", "count": MOST_NODES}]}, "nodes in all"),
        ({"ports": {"mlflow": 80}}, "cnai:ports.mlflow cannot be 80"),
        ({"ports": {"mlflow": 5050, "other": 5050}}, "share a port"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(values: dict[str, Any], told: str) -> None:
    problem = refused(values)
    assert told in str(problem)


def test_all_wrong_keys_are_told_at_once() -> None:
    with pytest.raises(ProblemError) as caught:
        load({"workers": 0, "suply": "auto", "profile": "none"})
    assert len(caught.value.problems) == 3


def test_two_pools_of_one_name_are_refused() -> None:
    pool = {"name": "a", "shape": "g6.xlarge", "count": 1}
    assert "two are called a" in str(refused({"pools": [pool, pool]}))


def test_an_addon_is_switched_off_and_on() -> None:
    settings = load({"profile": "laptop", "addons": {"kwok": False, "postgresql": True}})
    assert "kwok" not in settings.wanted()
    assert "postgresql" in settings.wanted()


def test_settings_of_an_addon_are_checked_by_the_addon() -> None:
    settings = load({"addons": {"mlflow": {"worker": 2}}})
    with pytest.raises(ProblemError) as caught:
        addon_settings(catalogue()["mlflow"], settings)
    assert caught.value.problems[0].what == "cnai:addons.mlflow.worker is not a key"
    assert caught.value.problems[0].fix == "write `workers` instead of `worker`"


def test_a_stack_says_only_what_differs_from_its_base() -> None:
    files = {"base": {"workers": 4, "queue": {"cpu": "8", "memory": "1Gi"}}}
    values = inherited("mine", {"extends": "base", "queue": {"cpu": "1"}}, files.get)
    assert values == {"extends": "base", "workers": 4, "queue": {"cpu": "1", "memory": "1Gi"}}


def test_the_nearest_stack_that_says_a_setting_is_named() -> None:
    files = {"base": {"workers": 4, "profile": "minimal"}}
    told = origins("mine", {"extends": "base", "workers": 1}, files.get)
    assert (told["workers"], told["profile"], told["queue"]) == ("mine", "base", "default")


def test_a_base_that_is_not_there_is_named() -> None:
    with pytest.raises(ProblemError, match="`mine` extends `base`"):
        inherited("mine", {"extends": "base"}, lambda _: None)


def test_a_circle_of_bases_is_printed() -> None:
    files = {"a": {"extends": "b"}, "b": {"extends": "a"}}
    with pytest.raises(ProblemError, match="a → b → a"):
        inherited("a", files["a"], files.get)


TREES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
LAYERS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@given(LAYERS, LAYERS)
def test_merging_the_same_layer_again_changes_nothing(base: Any, over: Any) -> None:
    once = merge(base, over)
    assert merge(once, over) == once


@given(LAYERS)
def test_an_empty_layer_changes_nothing(layer: Any) -> None:
    assert merge({}, layer) == layer == merge(layer, {})


def test_every_stack_file_is_valid_and_every_profile_can_be_selected() -> None:
    assert stack_files.names()
    for stack in stack_files.names():
        stack_files.settings(stack)
    for profile in PROFILES:
        for mode in (Mode.SOURCE, Mode.UPSTREAM):
            assert chosen(load({"profile": profile}), mode)
    assert all(shape.count > 0 for shape in SHAPES.values())


def test_a_stack_without_a_file_is_exit_code_6() -> None:
    with pytest.raises(ProblemError) as caught:
        stack_files.settings("nowhere")
    assert caught.value.exit_code == 6
