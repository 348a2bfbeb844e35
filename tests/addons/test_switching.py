"""The sets in which tests/live/test_addons.py switches addons off."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from addons import catalogue
from components.addon import Addon
from components.selection import providers
from tests.live.switching import rounds, with_dependants


def addon(name: str, *requires: str, provides: tuple[str, ...] = ()) -> Addon:
    return Addon(name=name, title=name, namespace=name, requires=requires, provides=provides)


PLATFORM = [
    addon("postgresql", provides=("database",)),
    addon("mlflow", "database"),
    addon("jobset"),
    addon("trainer", "jobset"),
    addon("kueue"),
]


@st.composite
def graphs(draw: st.DrawFn) -> list[Addon]:
    names = [f"a{n}" for n in range(draw(st.integers(1, 9)))]
    return [
        addon(name, *(draw(st.sets(st.sampled_from(names[:n]), max_size=3)) if n else ()))
        for n, name in enumerate(names)
    ]


def test_what_needs_an_addon_goes_with_it() -> None:
    assert with_dependants("postgresql", PLATFORM) == {"postgresql", "mlflow"}
    assert with_dependants("mlflow", PLATFORM) == {"mlflow"}
    assert with_dependants("kueue", PLATFORM) == {"kueue"}


def test_few_runs_switch_off_each_addon_while_others_work() -> None:
    assert rounds(PLATFORM) == [{"jobset", "trainer", "kueue"}, {"postgresql", "mlflow"}]
    one_is_needed_by_all = [addon("base"), *(addon(name, "base") for name in "abcd")]
    assert rounds(one_is_needed_by_all) == [{"base", *"abcd"}]


@given(graphs())
def test_every_addon_is_off_once_and_nothing_that_stays_needs_it(addons: list[Addon]) -> None:
    found = rounds(addons)
    assert frozenset().union(*found) == {a.name for a in addons}
    given_by = providers(addons)
    for off in found:
        for stays in (a for a in addons if a.name not in off):
            assert not {given_by[need] for need in stays.needs} & off


def test_it_works_for_all_addons_that_there_are() -> None:
    addons = list(catalogue().values())
    assert frozenset().union(*rounds(addons)) == set(catalogue())
