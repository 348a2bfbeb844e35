from __future__ import annotations

import os
import subprocess

import pytest

from stacks.cli.recover import orphaned, running, without_cluster, without_pending


@pytest.mark.parametrize(
    ("host", "alive", "expected"),
    [("here", False, True), ("here", True, False), ("elsewhere", False, False)],
)
def test_only_a_lock_of_an_ended_process_of_this_host_is_orphaned(
    host: str, alive: bool, expected: bool
) -> None:
    lock = {"pid": 12, "hostname": host}
    assert orphaned(lock, "here", lambda _: alive) is expected


def test_a_process_that_ended_is_not_running() -> None:
    ended = subprocess.Popen(["true"])
    assert running(os.getpid())
    ended_pid = ended.pid
    while ended.poll() is None:
        pass
    assert not running(ended_pid)


def test_operations_that_never_ended_are_taken_out_and_told() -> None:
    resource = {"urn": "urn:pulumi:s::p::t::name"}
    state = {
        "version": 3,
        "deployment": {
            "resources": [1],
            "pending_operations": [{"type": "creating", "resource": resource}],
        },
    }
    mended, told = without_pending(state)
    assert mended == {"version": 3, "deployment": {"resources": [1]}}
    assert told == ["creating name"]


def test_a_clean_state_stays_as_it_is() -> None:
    state = {"version": 3, "deployment": {"resources": []}}
    assert without_pending(state) == (state, [])


def test_a_cluster_that_is_gone_takes_all_that_lived_in_it_out_of_the_state() -> None:
    stack = {"type": "pulumi:pulumi:Stack"}
    inside = [{"type": "cnai:KindCluster"}, {"type": "kubernetes:core/v1:Secret"}]
    state = {"deployment": {"resources": [stack, *inside], "pending_operations": [{}]}}
    assert without_cluster(state) == ({"deployment": {"resources": [stack]}}, 2)


def test_a_state_without_a_cluster_loses_nothing() -> None:
    assert without_cluster({"deployment": {"resources": None}})[1] == 0
