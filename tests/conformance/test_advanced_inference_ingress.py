"""The inference extension of the Gateway API: replicas are chosen by what they tell."""

from __future__ import annotations

import pytest

from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
GROUP = "inference.networking.k8s.io"


def test_there_is_a_pool_and_what_picks_from_it(case: Case) -> None:
    case.kubectl("api-resources", f"--api-group={GROUP}", check=False)
    if case.find("crd", f"inferencepools.{GROUP}") is None:
        case.not_implemented(
            "no implementation of the inference extension is installed: the kind InferencePool is"
            " not served. It needs a gateway that asks an endpoint picker for each request"
        )
    case.partial(
        "the kind InferencePool is served; whether requests follow it is shown by the extension's"
        " own conformance suite, which is not a part of this test"
    )
