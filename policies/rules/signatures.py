"""Rules on who says what may run: signatures of images and models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground
from policies.plain import UNKNOWN
from policies.verdict import PASS, Verdict

FRAMEWORKS = (
    Framework("CIS Kubernetes Benchmark", "1.10", "5.5.1 image provenance"),
    Framework("SLSA", "1.0", "verifying artifacts: who built it"),
    Framework("AI supply chain", "1.0", "models are signed"),
)


def signers_named(settings: Mapping[str, Any], ground: Ground) -> Verdict:
    """Fail, in production, for a stack that says of nothing who has to sign it."""
    said = settings.get("signatures")
    if not ground.production or (said and said is not UNKNOWN):
        return PASS
    if said is UNKNOWN:
        return Verdict.of([], ["cnai:signatures is not known yet"])
    return Verdict.fail("cnai:signatures names nobody: whoever can push says what runs")


RULES = (
    Rule(
        id="CNAI-SUP-006",
        title="What an environment wants signed is signed by whom it trusts",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        frameworks=FRAMEWORKS,
        rationale=(
            "Who can push to a registry is not who may say what runs: a signature is of what was"
            " built, and goes with it wherever it is copied."
        ),
        remedy=(
            "Have it signed by whom cnai:signatures names (cosign sign --key KEY NAME@DIGEST), or"
            " take what they have signed."
        ),
    ),
    Rule(
        id="CNAI-SUP-007",
        title="In production, a stack says who signs its images and models",
        severity=Severity.LOW,
        scope=Scope.PROGRAM,
        frameworks=FRAMEWORKS,
        rationale="A digest says that nothing was changed since it was written down, not by whom.",
        remedy="Say cnai:signatures: beginnings of names, and keys or an identity.",
        intent=signers_named,
        mandatory=False,
    ),
)
