"""The rules as a Pulumi policy pack: the gate of `preview` and `up`."""

from __future__ import annotations

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy import Severity as PackSeverity

from policies.catalog import Outcome, Rule, rules
from policies.plain import plain

NAME = "cnai"


def policy(rule: Rule) -> ResourceValidationPolicy:
    """Return a rule as the engine's policy.

    What is undecided is not reported: during preview that is every value which a provider computes,
    and `up` asks again when it is known.
    """

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        verdict = rule.judge(args.resource_type, plain(args.props))
        if verdict.outcome is Outcome.FAIL:
            for message in verdict.messages:
                report_violation(f"{message}. {rule.remedy}", None)

    first = rule.frameworks[0]
    return ResourceValidationPolicy(
        name=rule.id,
        description=rule.title,
        validate=validate,
        enforcement_level=(
            EnforcementLevel.MANDATORY if rule.mandatory else EnforcementLevel.ADVISORY
        ),
        severity=PackSeverity(rule.severity.value),
        framework=PolicyComplianceFramework(first.name, first.version, first.reference),
        remediation_steps=rule.remedy,
    )


def policies() -> list[Policy]:
    """Return the policies of the pack, one for each rule."""
    return [policy(rule) for rule in rules()]


def main() -> None:
    """Serve the pack to the engine until it interrupts us."""
    PolicyPack(NAME, policies())
