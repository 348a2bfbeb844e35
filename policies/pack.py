"""The rules as a Pulumi policy pack: the gate of `preview` and `up`.

The SDK reads the properties of every resource anew for every policy, which with one policy a rule
takes most of the time (docs/adr/0014). So the pack has one policy for all mandatory rules and one
for the others, of single resources and of relations; a message begins with the id of its rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies import waivers
from policies.audit import Finding, of_all, of_each
from policies.catalog import Gate, Rule, of_type, rules
from policies.ground import Ground, Resource
from policies.plain import plain

NAME = "cnai"
CONFIG = PolicyConfigSchema(
    properties={
        "ground": {"type": "object", "default": {}},
        "waivers": {"type": "array", "items": {"type": "object"}, "default": []},
        "today": {"type": "string", "default": ""},
    }
)
"""What the command tells the pack: policies/ground.py, policies/waivers.py, and the day (ISO)."""


def said(
    findings: Iterable[Finding], config: dict[str, Any], known: Iterable[Rule]
) -> list[tuple[Finding, str]]:
    """Return what is to be reported: a message for each failure that nobody bears. Pure."""
    failed = [finding for finding in findings if finding.open]
    if not failed:
        return []
    by_id = {rule.id: rule for rule in known}
    borne, _ = waivers.read(config.get("waivers") or (), by_id)
    today = date.fromisoformat(config.get("today") or date.today().isoformat())
    marked, _ = waivers.apply(failed, borne, today)
    return [
        (finding, f"{finding.rule}: {message}. {by_id[finding.rule].remedy}")
        for finding in marked
        if finding.open
        for message in finding.messages
    ]


def of_single(name: str, held: list[Rule], level: EnforcementLevel) -> ResourceValidationPolicy:
    """Return the policy that judges resources one by one.

    What is undecided is not reported: during preview that is every value which a provider computes,
    and `up` asks again when it is known.
    """

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        # Many resources are no rule's business, and reading their properties is what takes time.
        if not any(of_type(args.resource_type, rule.types) for rule in held):
            return
        config = dict(plain(args.get_config()))
        ground = Ground.read(config.get("ground") or {})
        protect = bool(args.opts.protect)
        seen = Resource(args.resource_type, args.name, plain(args.props), protect)
        found = of_each(Gate.PACK, held, [seen], ground)
        for _, message in said(found, config, held):
            report_violation(message, None)

    return ResourceValidationPolicy(
        name=name,
        description="The rules on single resources.",
        validate=validate,
        enforcement_level=level,
        config_schema=CONFIG,
    )


def of_several(name: str, held: list[Rule], level: EnforcementLevel) -> StackValidationPolicy:
    """Return the policy that judges resources together, when all of them are known."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        config = dict(plain(args.get_config()))
        ground = Ground.read(config.get("ground") or {})
        read = [
            (r.urn, _resource(r))
            for r in args.resources
            if any(of_type(r.resource_type, rule.types) for rule in held)
        ]
        seen = [resource for _, resource in read]
        types = {rule.id: rule.types for rule in held}
        for finding, message in said(of_all(Gate.PACK, held, seen, ground), config, held):
            # What it is about may be a resource, or else a namespace or the stack.
            about = (
                urn
                for urn, resource in read
                if resource.name == finding.resource and of_type(resource.type, types[finding.rule])
            )
            report_violation(message, next(about, None))

    return StackValidationPolicy(
        name=name,
        description="The rules on resources together.",
        validate=validate,
        enforcement_level=level,
        config_schema=CONFIG,
    )


def _resource(seen: PolicyResource) -> Resource:
    """Return a resource of a stack, whose properties are its outputs: its id is one of them."""
    props = plain(seen.props)
    own = props.get("id")
    known = own if isinstance(own, str) and own else None
    return Resource(seen.resource_type, seen.name, props, bool(seen.opts.protect), known)


def policies() -> list[Policy]:
    """Return the policies of the pack; their names are those of :func:`names`."""
    found: list[Policy] = []
    for mandatory, level in (
        (True, EnforcementLevel.MANDATORY),
        (False, EnforcementLevel.ADVISORY),
    ):
        held = [rule for rule in rules() if rule.mandatory is mandatory and Gate.PACK in rule.gates]
        single = [rule for rule in held if rule.check]
        several = [rule for rule in held if rule.relation]
        if single:
            found.append(of_single(f"{NAME}-{level.value}", single, level))
        if several:
            found.append(of_several(f"{NAME}-{level.value}-together", several, level))
    return found


def config(told: dict[str, Any]) -> dict[str, Any]:
    """Return the file for `--policy-pack-config` that tells every policy the same. Pure."""
    return {policy.name: told for policy in policies()}


def main() -> None:
    """Serve the pack to the engine until it interrupts us."""
    PolicyPack(NAME, policies())
