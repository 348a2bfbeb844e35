from __future__ import annotations

from components.clusters.local import facts, node_ports, simulated_pool
from components.facts import Quota


def test_node_ports_do_not_depend_on_the_order_of_the_endpoints() -> None:
    assert node_ports(["b", "a"]) == node_ports(["a", "b"]) == {"a": 30500, "b": 30501}


def test_a_simulated_pool_may_use_all_that_its_nodes_would_have() -> None:
    pool = simulated_pool("h100", "p5.48xlarge", 3)
    assert (pool.accelerators, pool.quota) == (24, Quota(cpu="576", memory="6144Gi"))
    assert pool.device == "simulated"


def test_the_clusters_own_nodes_are_a_pool_without_devices() -> None:
    told = facts("c", workers=2, quota=Quota(cpu="1", memory="1Gi"), pools=(), ports={"m": 5})
    (own,) = told.pools
    assert (own.name, own.count, own.device, own.taints) == ("workers", 2, "none", ())
    assert told.urls == {"m": "http://localhost:5"}
    assert not told.simulated
