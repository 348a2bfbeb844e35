"""Whether the twins of rules at admission stand as they were written. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from policies.audit import Finding
from policies.catalog import Gate, Rule
from policies.ground import Ground
from policies.guards import API as NATIVE
from policies.guards import BINDING, NOWHERE, POLICY, manifests
from policies.verdict import Outcome

KYVERNO = "policies.kyverno.io/v1"
NATIVELY = "ValidatingPolicy"
"""The kind of Kyverno's policies that it has the API server decide by."""

Find = Callable[[str, str, str], Mapping[str, Any] | None]
"""Returns the object of a version, a kind and a name, or None when there is none."""


def standing(rules: Iterable[Rule], find: Find, ground: Ground = NOWHERE) -> list[Finding]:
    """Return, for each rule with a twin, whether all that it is made of is there and unchanged.

    Nothing is found of a twin for which the ground has nothing to hold it against.
    """
    found = []
    for rule in rules:
        if wanted := manifests(rule, ground):
            wrong = [message for thing in wanted for message in _wrong(thing, find)]
            found.append(
                Finding(
                    rule=rule.id,
                    gate=Gate.ADMISSION,
                    resource=str(wanted[0]["metadata"]["name"]),
                    type=str(wanted[0]["kind"]),
                    outcome=Outcome.FAIL if wrong else Outcome.PASS,
                    messages=tuple(wrong),
                )
            )
    return found


def _wrong(wanted: Mapping[str, Any], find: Find) -> list[str]:
    version, kind, name = wanted["apiVersion"], wanted["kind"], wanted["metadata"]["name"]
    there = find(version, kind, name)
    if there is None:
        return [f"{kind} {name} is not in the cluster"]
    wrong = [
        f"{kind} {name} differs at {place}" for place in differences(wanted["spec"], there["spec"])
    ]
    if version == KYVERNO and kind == NATIVELY:
        # What Kyverno made of it is what the API server decides by, with no pod of Kyverno.
        made = f"vpol-{name}"
        wrong += [
            f"{each} has not been made of {kind} {name}"
            for each, called in ((POLICY, made), (BINDING, f"{made}-binding"))
            if find(NATIVE, each, called) is None
        ]
    return wrong


def differences(wanted: Any, there: Any, place: str = "spec") -> list[str]:
    """Return the places that are not as wanted; what was filled in beside it is no difference."""
    if isinstance(wanted, Mapping):
        if not isinstance(there, Mapping):
            return [place]
        return [
            found
            for key, value in wanted.items()
            for found in differences(value, there.get(key), f"{place}.{key}")
        ]
    if isinstance(wanted, list):
        if not isinstance(there, list) or len(there) != len(wanted):
            return [place]
        return [
            found
            for index, (one, other) in enumerate(zip(wanted, there, strict=True))
            for found in differences(one, other, f"{place}[{index}]")
        ]
    return [] if wanted == there else [place]
