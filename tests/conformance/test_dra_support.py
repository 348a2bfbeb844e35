"""Devices by claims: the API is served, a driver tells its devices, a pod gets what it claims."""

from __future__ import annotations

import json

import pytest

from components.devices import API
from tests.conformance import pods
from tests.conformance.accelerators import accelerators, lines, template
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
KINDS = {"deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"}


def test_a_pod_gets_the_device_that_it_claims(case: Case) -> None:
    served = json.loads(case.kubectl("get", "--raw", f"/apis/{API}"))
    assert {each["name"] for each in served["resources"]} >= KINDS
    there = accelerators(case)
    case.kubectl("get", "deviceclasses.resource.k8s.io", there.name, "--output=yaml")
    case.kubectl("get", "resourceslices.resource.k8s.io", "--output=wide")
    space = case.place()
    claiming = pods.spec(
        pods.shell("main", there.seen, claims=["device"]), claims={"device": "one"}
    )
    made = [template("one", space, there.name), pods.pod("claims-one", space, claiming)]
    case.kubectl("apply", "--filename=-", given=made)
    at = f"--namespace={space}"
    ended = ("get", "pod", "claims-one", at, "--output=jsonpath={.status.phase}")
    case.until("the pod that claims a device ends well", ended, lambda said: said == "Succeeded")
    seen = lines(case.kubectl("logs", "claims-one", at))
    assert len(seen) == 1, f"one device was claimed and {len(seen)} are seen"
    case.implemented(f"A pod claimed a device of class {there.name} and found it: {seen[0]}")
