"""Virtual accelerators: there is no device here that could be made virtual."""

from __future__ import annotations

import pytest

from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]


def test_there_is_nothing_to_make_virtual(case: Case) -> None:
    case.kubectl("get", "nodes", "--output=jsonpath={.items[*].status.allocatable}")
    case.kubectl("get", "deviceclasses.resource.k8s.io", "--output=name")
    case.not_applicable(
        "The program asks for it where an accelerator can be made virtual. No driver that the"
        " platform installs makes devices virtual, and a simulated device cannot be"
    )
