"""Phases of inference apart: a server whose phases are pods of their own."""

from __future__ import annotations

import pytest

from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
KINDS = (
    "llminferenceservices.serving.kserve.io",
    "dynamographdeployments.nvidia.com",
    "leaderworkersets.leaderworkerset.x-k8s.io",
)


def test_phases_are_pods_of_their_own(case: Case) -> None:
    said = case.kubectl("get", "crds", "--output=name")
    served = [kind for kind in KINDS if kind in said]
    if not served:
        case.not_implemented(
            "no model server that divides its phases is installed: of KServe the platform takes"
            " InferenceService and InferenceGraph, and LLMInferenceService needs the inference"
            " extension of the Gateway API"
        )
    case.partial(f"{', '.join(served)} is served; no test sends a request through two phases yet")
