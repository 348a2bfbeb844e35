"""Holds rules against what a gate sees, and says of each what was found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.catalog import Gate, Rule
from policies.ground import Ground, Resource
from policies.verdict import Outcome, Verdict


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule says of one resource at one gate.

    ``resource`` is its name, empty for settings; ``team`` is whose namespace it is in. ``waived``
    is the ticket of the waiver under which a failure is borne.
    """

    rule: str
    gate: Gate
    resource: str
    outcome: Outcome
    messages: tuple[str, ...] = ()
    type: str = ""
    team: str | None = None
    waived: str | None = None

    @property
    def open(self) -> bool:
        """Say whether it is a failure that nobody bears."""
        return self.outcome is Outcome.FAIL and self.waived is None


def of_resources(
    gate: Gate, rules: Sequence[Rule], resources: Sequence[Resource], ground: Ground
) -> list[Finding]:
    """Judge resources by every rule that is held at the gate, one by one and together."""
    held = [rule for rule in rules if gate in rule.gates]
    return [*of_each(gate, held, resources, ground), *of_all(gate, held, resources, ground)]


def of_each(
    gate: Gate, rules: Iterable[Rule], resources: Sequence[Resource], ground: Ground
) -> list[Finding]:
    """Judge resources one by one; one finding for each pair of a rule and what it looks at."""
    return [
        _finding(rule, gate, resource, rule.judge(resource, ground), ground)
        for rule in rules
        if rule.check
        for resource in resources
        if rule.looks_at(resource, ground)
    ]


def of_all(
    gate: Gate, rules: Iterable[Rule], resources: Sequence[Resource], ground: Ground
) -> list[Finding]:
    """Judge resources together; one finding for each thing that a relation names."""
    return [
        Finding(
            rule=rule.id,
            gate=gate,
            resource=name,
            outcome=verdict.outcome,
            messages=verdict.messages,
            team=name if name in ground.tenants else None,
        )
        for rule in rules
        if rule.relation
        for name, verdict in rule.relate(resources, ground).items()
    ]


def of_settings(
    rules: Iterable[Rule], settings: Mapping[str, Any], ground: Ground
) -> list[Finding]:
    """Judge settings by every rule that has an opinion on them."""
    found = []
    for rule in rules:
        if rule.intent:
            verdict = rule.intend(settings, ground)
            found.append(
                Finding(
                    rule=rule.id,
                    gate=Gate.SETTINGS,
                    resource="",
                    outcome=verdict.outcome,
                    messages=verdict.messages,
                )
            )
    return found


def _finding(
    rule: Rule, gate: Gate, resource: Resource, verdict: Verdict, ground: Ground
) -> Finding:
    return Finding(
        rule=rule.id,
        gate=gate,
        resource=resource.name,
        type=resource.type,
        outcome=verdict.outcome,
        messages=verdict.messages,
        team=resource.namespace if resource.namespace in ground.tenants else None,
    )
