"""Drivers and runtime: their versions can be looked up, and what they promise comes into a pod."""

from __future__ import annotations

import pytest

from tests.conformance import pods
from tests.conformance.accelerators import accelerators, lines, template
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
VERSION = "driverVersion"


def test_versions_are_told_and_the_runtime_gives_what_it_should(case: Case) -> None:
    there = accelerators(case)
    for node, told in there.per_node.items():
        for device in told:
            # An attribute of another domain than its driver's is named with it.
            known = {name.rpartition("/")[2]: value for name, value in device["attributes"].items()}
            assert known.get(VERSION), f"device {device['name']} of {node} tells no {VERSION}"
    case.kubectl("get", "resourceslices.resource.k8s.io", "--output=yaml")
    case.kubectl("get", "daemonsets", "--all-namespaces", "--output=wide")
    space = case.place()
    at = f"--namespace={space}"
    given = pods.spec(
        pods.shell("main", there.seen, claims=["device"]),
        claims={"device": "one"},
        nodeSelector={"kubernetes.io/hostname": there.node},
    )
    made = [template("one", space, there.name), pods.pod("plain", space, given)]
    case.kubectl("apply", "--filename=-", given=made)
    ended = ("get", "pod", "plain", at, "--output=jsonpath={.status.phase}")
    case.until("the pod ends well", ended, lambda said: said == "Succeeded")
    assert lines(case.kubectl("logs", "plain", at)), "an image without a driver was given none"
    count = sum(len(told) for told in there.per_node.values())
    case.implemented(
        f"Each of {count} devices tells the version of its driver in its ResourceSlice, and a plain"
        " image is given what it needs by the runtime"
    )
