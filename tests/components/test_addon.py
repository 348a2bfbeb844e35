from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.addon import Addon
from components.selection import order, predecessors, providers, select
from tools.errors import ProblemError


def addon(name: str, **fields: object) -> Addon:
    return Addon(name=name, title=name, namespace=name, **fields)  # type: ignore[arg-type]


def names(addons: list[Addon] | tuple[Addon, ...]) -> list[str]:
    return [found.name for found in addons]


def test_an_addon_comes_after_what_it_requires_and_what_it_names() -> None:
    found = order([addon("a", requires=("c",)), addon("b", after=("a",)), addon("c")])
    assert names(found) == ["c", "a", "b"]


def test_after_binds_only_when_the_other_is_selected() -> None:
    assert names(order([addon("a", after=("absent",))])) == ["a"]


def test_a_star_stands_for_all_others() -> None:
    found = order([addon("a", after=("*",)), addon("b"), addon("c")])
    assert names(found) == ["b", "c", "a"]


def test_a_cycle_is_printed() -> None:
    circle = [addon("a", requires=("b",)), addon("b", requires=("c",)), addon("c", after=("a",))]
    with pytest.raises(ProblemError, match="a → b → c → a") as caught:
        order([*circle, addon("d", requires=("a",))])
    assert caught.value.problems[0].id == "CNAI-ADDON-002"


def test_selecting_brings_what_is_needed_by_name_or_capability() -> None:
    catalogue = {
        "app": addon("app", databases=("app",), requires=("queue",)),
        "idle": addon("idle"),
        "queue": addon("queue"),
        "sql": addon("sql", provides=("database",)),
    }
    assert names(select(catalogue, ["app"])) == ["app", "queue", "sql"]


def test_a_capability_of_the_tier_needs_no_addon() -> None:
    catalogue = {
        "app": addon("app", databases=("app",)),
        "sql": addon("sql", provides=("database",)),
    }
    assert names(select(catalogue, ["app"], frozenset({"database"}))) == ["app"]


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(ProblemError) as caught:
        select({"kueue": addon("kueue")}, ["keue"])
    problem = caught.value.problems[0]
    assert (problem.id, problem.fix) == ("CNAI-ADDON-001", "write `kueue`")


def test_a_need_that_nothing_gives_names_who_asks() -> None:
    with pytest.raises(ProblemError, match="no addon `database`, wanted by addon `app`"):
        select({"app": addon("app", databases=("app",))}, ["app"])


def test_what_is_optional_is_left_out_where_it_cannot_be_had() -> None:
    catalogue = {"app": addon("app"), "board": addon("board")}
    assert names(select(catalogue, ["app", "board?"])) == ["app", "board"]
    assert names(select(catalogue, ["app", "board?"], barred={"board": "no image"})) == ["app"]


def test_what_cannot_be_had_is_refused_with_its_reason() -> None:
    catalogue = {"app": addon("app", requires=("board",)), "board": addon("board")}
    with pytest.raises(ProblemError, match="no image") as caught:
        select(catalogue, ["app"], barred={"board": "no image"})
    assert caught.value.problems[0].id == "CNAI-ADDON-004"


def test_of_several_that_give_a_capability_one_that_can_be_had_is_taken() -> None:
    catalogue = {
        "app": addon("app", requires=("certificates",)),
        "big": addon("big", provides=("certificates",)),
        "small": addon("small", provides=("certificates",)),
    }
    assert names(select(catalogue, ["app"])) == ["app", "big"]
    assert names(select(catalogue, ["app"], barred={"big": "no image"})) == ["app", "small"]
    assert names(select(catalogue, ["app", "small"])) == ["app", "small"]


@given(st.data())
def test_order_respects_every_edge_of_any_graph_without_cycles(data: st.DataObject) -> None:
    labels = [f"n{i}" for i in range(data.draw(st.integers(1, 8)))]
    addons = [
        addon(name, requires=tuple(data.draw(st.sets(st.sampled_from(labels[:i])))) if i else ())
        for i, name in enumerate(labels)
    ]
    shuffled = data.draw(st.permutations(addons))
    found = order(shuffled)
    place = {name: i for i, name in enumerate(names(found))}
    selected = providers(addons)
    assert sorted(place) == sorted(labels)
    assert all(place[b] < place[a.name] for a in addons for b in predecessors(a, selected))
