from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.clusters.kind import REPLACING, _Provider, complete, ours

NODE: dict[str, Any] = {
    "Name": "/a",
    "State": {"Running": True},
    "Mounts": [{"Type": "bind", "Source": "/here/nodes/kind"}],
}
STOPPED = {**NODE, "State": {"Running": False}}
INPUTS = {
    "cluster": "c",
    "workers": 2,
    "ports": {"5050": 30500},
    "mode": "source",
    "kubernetes": "v1",
}


def test_a_cluster_is_ours_by_the_folder_that_its_nodes_have_mounted() -> None:
    assert ours(NODE, Path("/here/nodes/kind"))
    assert not ours(NODE, Path("/there/nodes/kind"))
    assert not ours({"Mounts": []}, Path("/here/nodes/kind"))


def test_a_cluster_is_complete_when_all_its_nodes_run() -> None:
    assert complete([NODE, NODE, NODE], workers=2)
    assert not complete([NODE, NODE], workers=2)
    assert not complete([NODE, NODE, STOPPED], workers=2)


def test_numbers_that_come_back_as_floats_are_no_change() -> None:
    back = {**INPUTS, "workers": 2.0, "ports": {"5050": 30500.0}, "kubeconfig": "k"}
    assert not _Provider().diff("c", back, INPUTS).changes


@pytest.mark.parametrize("key", REPLACING)
def test_a_changed_input_replaces_the_cluster(key: str) -> None:
    told = _Provider().diff("c", INPUTS, {**INPUTS, key: {"6060": 1} if key == "ports" else 9})
    assert told.replaces == [key]
    assert told.delete_before_replace


def test_a_changed_kubeconfig_replaces_nothing() -> None:
    assert not _Provider().diff("c", {**INPUTS, "kubeconfig": "a"}, INPUTS).changes
