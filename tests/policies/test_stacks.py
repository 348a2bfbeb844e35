"""Whole programs: in bad ones each thing is found by the rules that it names, in good ones none."""

from __future__ import annotations

import pytest

from policies.audit import of_resources
from policies.catalog import Gate, rules
from policies.ground import Ground
from policies.sources import of_state
from policies.verdict import Outcome
from tests.policies.stacks import Program, programs

BAD, GOOD = list(programs("bad")), list(programs("good"))
LEAST = 40
"""Bad things that there are at the least."""


def answers(program: Program, *outcomes: Outcome) -> dict[tuple[str, str], tuple[str, ...]]:
    seen, ground = of_state(program.state()), Ground.read(program.ground)
    return {
        (finding.rule, finding.resource): finding.messages
        for finding in of_resources(Gate.STATE, rules(), seen, ground)
        if finding.outcome in outcomes
    }


@pytest.mark.parametrize("program", BAD, ids=lambda p: p.name)
def test_each_bad_thing_is_found_by_the_rules_that_it_names(program: Program) -> None:
    assert set(answers(program, Outcome.FAIL)) == program.finds


@pytest.mark.parametrize("program", GOOD, ids=lambda p: p.name)
def test_nothing_is_found_in_what_is_good(program: Program) -> None:
    """Nor is anything in doubt: in a state all is known."""
    assert answers(program, Outcome.FAIL, Outcome.UNDECIDED) == {}


def test_every_rule_that_judges_resources_has_something_bad_to_find() -> None:
    judging = {rule.id for rule in rules() if rule.check or rule.relation}
    assert {rule for program in BAD for rule, _ in program.finds} == judging
    assert len({(p.name, about) for p in BAD for _, about in p.finds}) >= LEAST


def test_every_rule_that_judges_resources_has_something_good_to_look_at() -> None:
    seen = [(r, Ground.read(p.ground)) for p in GOOD for r in of_state(p.state())]
    idle = [rule.id for rule in rules() if rule.types and not any(rule.looks_at(*s) for s in seen)]
    assert idle == []
