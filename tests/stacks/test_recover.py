from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from stacks.cli.pulumi_cli import MARK, mark
from stacks.cli.recover import (
    orphaned,
    plugins,
    running,
    unlock,
    without_cluster,
    without_pending,
)
from tests.waiting import wait_for


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


def test_plugins_that_outlived_their_engine_end_before_the_lock_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is a copy of the shell under its name, and its plugin a copy that sleeps."""
    monkeypatch.setenv("CNAI_HOME", str(tmp_path))
    engine, plugin = tmp_path / "pulumi", tmp_path / "pulumi-resource-x"
    shutil.copy("/bin/bash", engine)
    shutil.copy("/bin/sleep", plugin)

    def run(stack: str) -> tuple[subprocess.Popen[str], int]:
        started = subprocess.Popen(
            [engine, "-c", f"'{plugin}' 60 & echo $!; wait"],
            env={**os.environ, MARK: mark(stack)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdout is not None
        return started, int(started.stdout.readline())

    (killed, orphan), (alive, kept), (other, others) = run("kind"), run("kind"), run("lab-kind")
    try:
        assert plugins("kind") == []
        killed.kill()
        killed.wait()
        lock = tmp_path / "state/.pulumi/locks/organization/cnai/kind/a.json"
        lock.parent.mkdir(parents=True)
        lock.write_text(json.dumps({"pid": killed.pid, "hostname": socket.gethostname()}))
        other.kill()
        other.wait()
        assert plugins("kind") == [orphan]
        assert len(unlock("kind")) == 2
        wait_for("the plugin ends", lambda: not running(orphan), seconds=30)
        assert running(kept)
        assert running(others)
        assert not lock.exists()
    finally:
        for started, pid in ((killed, orphan), (alive, kept), (other, others)):
            started.kill()
            if running(pid):
                os.kill(pid, signal.SIGKILL)
            started.communicate()


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
