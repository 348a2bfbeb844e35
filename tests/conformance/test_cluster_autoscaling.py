"""Nodes follow demand, where something makes nodes."""

from __future__ import annotations

import pytest

from policies.conformance.requirements import Device
from tests.conformance import pods
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
AUTOSCALERS = ("cluster-autoscaler", "karpenter")
KNOWN = ("nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/i915")
MINUTES = 30
NAMES = "--output=jsonpath={.items[*].metadata.name}"


def test_nodes_come_for_pods_that_wait_and_go_with_them(case: Case) -> None:
    said = case.kubectl("get", "deployments", "--all-namespaces", "--output=wide")
    case.kubectl("get", "nodes", "--output=wide")
    if not (any(name in said for name in AUTOSCALERS) or case.every("nodepools.karpenter.sh")):
        case.not_applicable(
            "The program asks for it where the platform has an autoscaler of nodes. This one has"
            f" none: the nodes of {case.environment} are there from the start"
        )
    pool = {
        node["metadata"]["name"]: (name, int(amount))
        for node in case.every("nodes")
        if "kwok.x-k8s.io/node" not in (node["metadata"].get("annotations") or {})
        for name, amount in node["status"]["allocatable"].items()
        if name in KNOWN and int(amount)
    }
    if not pool:
        case.partial("there is an autoscaler, and no node with an accelerator that it could add to")
    case.device = Device.REAL
    kinds = set(pool.values())
    assert len(kinds) == 1, f"nodes offer several kinds of accelerators: {kinds}"
    ((resource, each),) = kinds
    space, before = case.place(), len(pool)
    asking = pods.shell("main", pods.HOLD)
    asking["resources"]["limits"][resource] = str(each)
    made = pods.deployment("waits", space, pods.spec(asking))
    made["spec"]["replicas"] = before + 1
    case.kubectl("apply", "--filename=-", given=made)
    nodes = ("get", "nodes", f"--selector={_label(case, pool)}", NAMES)
    more = f"a node more than {before}"
    case.until(more, nodes, lambda told: len(told.split()) == before + 1, MINUTES * 60)
    case.kubectl("scale", "deployment", "waits", f"--namespace={space}", "--replicas=0")
    back = f"{before} nodes again"
    case.until(back, nodes, lambda told: len(told.split()) == before, MINUTES * 60)
    case.implemented(f"{before} nodes with {resource} became {before + 1} and {before} again")


def _label(case: Case, pool: dict[str, tuple[str, int]]) -> str:
    """The label that all nodes of the pool have: their instance type."""
    type_ = "node.kubernetes.io/instance-type"
    types = {
        node["metadata"]["labels"].get(type_)
        for node in case.every("nodes")
        if node["metadata"]["name"] in pool
    }
    assert len(types) == 1, f"nodes with accelerators are of several types: {types}"
    return f"{type_}={types.pop()}"
