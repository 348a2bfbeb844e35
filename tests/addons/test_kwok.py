from __future__ import annotations

from addons.kwok import node
from components.clusters.local import simulated_pool
from components.labels import DEVICE, FAKE_NODE


def test_a_simulated_node_has_the_shape_of_the_real_one_and_says_that_it_is_none() -> None:
    made = node(simulated_pool("h100", "p5.48xlarge", 2), 1)
    assert made["metadata"]["name"] == "h100-1"
    assert made["metadata"]["labels"][DEVICE] == "simulated"
    assert made["metadata"]["labels"]["nvidia.com/gpu.product"].endswith("-SIMULATED")
    assert made["metadata"]["annotations"][FAKE_NODE] == "fake"
    assert made["status"]["allocatable"] == {
        "cpu": "192",
        "memory": "2Ti",
        "pods": "110",
        "nvidia.com/gpu": "8",
    }


def test_nothing_real_is_scheduled_there_by_chance() -> None:
    (taint,) = node(simulated_pool("a", "g6.xlarge", 1), 0)["spec"]["taints"]
    assert taint["effect"] == "NoSchedule"
