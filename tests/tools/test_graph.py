"""Keys follow from what goes in; the order follows from what is needed."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tools import graph
from tools.errors import ProblemError
from tools.graph import Target, Workplace


def nothing(_: Workplace) -> None:
    raise AssertionError("nothing is built here")


def target(name: str, *needs: str, flags: str = "") -> Target:
    return Target(name, f"{name}-{{key}}", {"flags": flags}, nothing, needs=needs)


@given(st.dictionaries(st.integers(1, 30), st.sets(st.integers(1, 30)), max_size=30))
def test_each_comes_after_what_it_needs(edges: dict[int, set[int]]) -> None:
    # Of every pair, the greater needs the smaller: no circle is possible.
    targets = [
        target(f"{name:02}", *sorted(f"{need:02}" for need in needs if need < name))
        for name, needs in edges.items()
    ]
    known = {t.name for t in targets}
    targets = [target(t.name, *(n for n in t.needs if n in known)) for t in targets]
    seen: set[str] = set()
    for each in graph.order(targets):
        assert set(each.needs) <= seen
        seen.add(each.name)
    assert seen == known


def test_the_order_does_not_depend_on_how_it_was_asked() -> None:
    targets = [target("c", "a"), target("b"), target("a"), target("d", "b", "c")]
    assert graph.order(targets) == graph.order(reversed(targets))


def test_a_circle_is_named() -> None:
    with pytest.raises(ProblemError) as caught:
        graph.order([target("a", "b"), target("b", "c"), target("c", "a")])
    (problem,) = caught.value.problems
    assert problem.id == "CNAI-SUPPLY-009"
    assert " → " in problem.what
    assert caught.value.exit_code == 2


def test_a_need_that_nobody_makes_is_named() -> None:
    with pytest.raises(ProblemError, match="nothing called b") as caught:
        graph.order([target("a", "b")])
    assert caught.value.problems[0].id == "CNAI-SUPPLY-008"


def test_a_key_changes_with_the_recipe_and_with_all_below() -> None:
    def keys(flags: str) -> dict[str, str]:
        return graph.keys([target("low", flags=flags), target("mid", "low"), target("top", "mid")])

    assert keys("-s") == keys("-s")
    assert all(keys("-s")[name] != keys("-w")[name] for name in ("low", "mid", "top"))


def test_a_key_does_not_change_with_what_is_beside() -> None:
    alone = graph.keys([target("a")])
    assert graph.keys([target("a"), target("b", "a")])["a"] == alone["a"]


def test_the_closure_holds_what_is_needed_and_no_more() -> None:
    known = {t.name: t for t in (target("a", "b"), target("b", "c"), target("c"), target("x"))}
    assert set(graph.closure(["a"], known)) == {"a", "b", "c"}
    with pytest.raises(ProblemError):
        graph.closure(["nobody"], known)
