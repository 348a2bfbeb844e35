"""What rules go by in a stack, and that no fork of it is held by less."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import waivers
from policies.audit import Finding, of_resources, of_settings
from policies.catalog import Gate, rules
from policies.ground import Ground
from policies.sources import of_state
from policies.verdict import Outcome
from stacks.compliance import ground, pack_config
from stacks.compliance import waivers as borne
from stacks.profiles import PROFILES
from stacks.settings import Settings, load, merge
from stacks.teams import checked
from tests.policies.stacks import programs
from tools.errors import ProblemError

TODAY = date(2026, 11, 22)
TEAM = {"extends": "kind", "team": {"name": "vision", "mode": "stack"}}
WAIVER = {
    "rule": "CNAI-POD-001",
    "resource": "privileged",
    "owner": "vision",
    "reason": "we need it",
    "ticket": "V-1",
    "expires": "2027-01-01",
}


def fork(base: Mapping[str, Any], said: Mapping[str, Any]) -> Settings:
    return load(merge(base, {**TEAM, **said}))


def refused(base: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    own, below = fork(base, said), load(base)
    try:
        checked("vision-kind", {**TEAM, **said}, own, below)
    except ProblemError as error:
        return [problem.id for problem in error.problems]
    return []


def test_teams_are_those_of_the_settings_and_of_the_cluster() -> None:
    assert ground(load({"teams": ["vision"]}), ["search"]).tenants == {"vision", "search"}


def test_a_place_on_the_bases_cluster_is_a_team_and_a_cluster_of_its_own_is_none() -> None:
    tenant = load({"extends": "kind", "team": {"name": "vision"}, "teams": []})
    assert ground(tenant).tenants == {"vision"}
    assert ground(fork({"teams": []}, {})).tenants == frozenset()


def test_what_is_at_stake_comes_from_the_settings() -> None:
    found = ground(load({"production": True, "registries": ["registry.example/"]}))
    assert (found.production, found.registries) == (True, ("registry.example/",))


def test_queues_are_asked_for_wherever_there_are_any() -> None:
    """Otherwise the profile without Kueue would be refused, and so would be switching it off."""
    grounds = {profile: ground(Settings(profile=profile)) for profile in PROFILES}
    assert {profile for profile, on in grounds.items() if not on.queued} == {"serving"}
    without = ground(Settings(profile="laptop", addons={"kueue": False}))
    assert not without.queued
    assert Ground.read(without.told()) == without


def test_every_policy_of_the_pack_is_told_the_same() -> None:
    said = load({"production": True, "waivers": [WAIVER]})
    told = list(pack_config(said, TODAY).values())
    assert len(told) == 4
    assert all(one == told[0] for one in told)
    assert Ground.read(told[0]["ground"]) == ground(said)
    assert told[0]["today"] == "2026-11-22"
    assert told[0]["waivers"][-1] == WAIVER


def test_the_distributions_own_waivers_are_whole_and_a_stacks_come_with_them() -> None:
    own, wrong = borne(load({}))
    assert own
    assert wrong == []
    both, _ = borne(load({"waivers": [WAIVER]}))
    assert [waiver.ticket for waiver in both] == [*(waiver.ticket for waiver in own), "V-1"]


def test_what_is_wrong_with_a_stacks_waiver_is_told() -> None:
    _, wrong = borne(load({"waivers": [{**WAIVER, "rule": "CNAI-XXX-001"}]}))
    assert any("there is no such rule" in reason for reason in wrong)


def test_a_fork_cannot_add_a_waiver() -> None:
    assert refused({}, {"waivers": [WAIVER]}) == ["CNAI-TEAM-019"]
    assert refused({"waivers": [WAIVER]}, {"waivers": [WAIVER]}) == []
    longer = {**WAIVER, "expires": "2030-01-01"}
    assert refused({"waivers": [WAIVER]}, {"waivers": [longer]}) == ["CNAI-TEAM-019"]
    assert refused({"waivers": [WAIVER]}, {"waivers": []}) == []


@pytest.mark.parametrize(
    ("base", "own", "found"),
    [(True, False, ["CNAI-TEAM-005"]), (True, True, []), (False, True, []), (False, False, [])],
)
def test_a_fork_cannot_switch_production_off(base: bool, own: bool, found: list[str]) -> None:
    assert refused({"production": base}, {"production": own}) == found


# The bad things inside a cluster: all that a fork's own program could make.
(BAD,) = (program for program in programs("bad") if program.name == "bad-kubernetes-0")
RESOURCES = of_state(BAD.state())
SPACES = BAD.ground["tenants"]
MANDATORY = [rule for rule in rules() if rule.mandatory]

REGISTRIES = ("registry.example/", "registry.example/app", "registry.example.org/", "docker.io/")
BORNE = st.builds(
    lambda rule, resource, expires: {
        **WAIVER,
        "rule": rule,
        "resource": resource,
        "expires": expires,
    },
    st.sampled_from([rule.id for rule in MANDATORY]),
    st.sampled_from([resource.name for resource in RESOURCES]),
    st.sampled_from(["2026-01-01", "2027-01-01"]),
)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "production": st.booleans(),
        "registries": st.lists(st.sampled_from(REGISTRIES), max_size=2),
        "waivers": st.lists(BORNE, max_size=2),
        "addons": st.dictionaries(
            st.sampled_from(["kyverno", "mlflow", "grafana"]), st.booleans(), max_size=2
        ),
        "profile": st.sampled_from(list(PROFILES)),
        "supply": st.sampled_from(["auto", "source", "upstream"]),
        "workers": st.integers(1, 3),
        "prices": st.just({"workers": 0.5}),
    },
)


def broken(said: Settings) -> set[tuple[str, str]]:
    """The mandatory rules that do not hold in a stack for the bad things, and for what."""
    found = of_resources(Gate.PACK, MANDATORY, RESOURCES, ground(said, SPACES))
    marked, _ = waivers.apply(found, borne(said)[0], TODAY)
    return {(finding.rule, finding.resource) for finding in marked if finding.open}


def kept(said: Settings) -> set[str]:
    """The mandatory rules that the settings of a stack keep."""
    found: list[Finding] = of_settings(MANDATORY, said.model_dump(mode="json"), ground(said))
    return {finding.rule for finding in found if finding.outcome is Outcome.PASS}


@settings(max_examples=60)
@given(base=SAID, said=SAID)
def test_no_override_weakens_a_mandatory_control(
    base: dict[str, Any], said: dict[str, Any]
) -> None:
    """What failed in the base fails in a fork, and what its settings keep the fork's keep too."""
    if not refused(base, said):
        below, own = load(base), fork(base, said)
        assert broken(below) <= broken(own)
        assert kept(below) <= kept(own)
        assert "kyverno" in own.wanted() or "kyverno" not in below.wanted()
