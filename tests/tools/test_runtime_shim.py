"""The runtime takes out what the kernel would refuse, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import runtime_shim

ALL = runtime_shim.names((1 << len(runtime_shim.CAPABILITIES)) - 1)
SHORT = ALL - {"CAP_SYS_RESOURCE"}
PROCESS: dict[str, Any] = {
    "args": ["/entrypoint"],
    "capabilities": {kind: sorted(ALL) for kind in ("bounding", "effective", "permitted")},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1 << 20, "soft": 1 << 20}],
    "oomScoreAdj": -500,
}


def test_bounding_set_is_read_from_the_status_file() -> None:
    status = "Name:\tpython\nCapEff:\t0000000000000000\nCapBnd:\t000001fffeffffff\n"
    assert ALL - runtime_shim.bounding_set(status) == {"CAP_SYS_RESOURCE"}


def test_capability_names_match_their_bits() -> None:
    assert runtime_shim.names(1 << 24) == {"CAP_SYS_RESOURCE"}
    assert runtime_shim.names(1 << 0 | 1 << 40) == {"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"}


def test_a_full_bounding_set_changes_nothing() -> None:
    assert runtime_shim.trim({"process": PROCESS, "root": {}}, ALL) == {
        "process": PROCESS,
        "root": {},
    }


def test_only_missing_capabilities_go() -> None:
    trimmed = runtime_shim.trim({"process": PROCESS, "hostname": "n"}, SHORT)
    assert trimmed["hostname"] == "n"
    assert trimmed["process"]["args"] == ["/entrypoint"]
    for kept in trimmed["process"]["capabilities"].values():
        assert set(kept) == SHORT


def test_what_needs_the_capability_goes_with_it() -> None:
    trimmed = runtime_shim.trim_process(PROCESS, SHORT)
    assert "rlimits" not in trimmed
    assert "oomScoreAdj" not in trimmed


def test_limits_stay_when_another_capability_is_missing() -> None:
    trimmed = runtime_shim.trim_process(PROCESS, ALL - {"CAP_BPF"})
    assert trimmed["rlimits"] == PROCESS["rlimits"]
    assert trimmed["oomScoreAdj"] == -500


def test_a_harmless_score_stays() -> None:
    assert runtime_shim.trim_process({"oomScoreAdj": 100}, SHORT) == {"oomScoreAdj": 100}


def test_the_input_is_left_alone() -> None:
    before = json.dumps(PROCESS)
    runtime_shim.trim_process(PROCESS, SHORT)
    assert json.dumps(PROCESS) == before


@pytest.mark.parametrize("empty", [{}, {"capabilities": None}])
def test_processes_without_capabilities(empty: dict[str, None]) -> None:
    assert runtime_shim.trim_process(empty, SHORT).get("capabilities", {}) == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("--root r create --bundle /b --pid-file p id", (Path("/b/config.json"), True)),
        ("run --bundle=/b id", (Path("/b/config.json"), True)),
        ("create -b /b id", (Path("/b/config.json"), True)),
        ("--log l exec --process /tmp/p --detach id", (Path("/tmp/p"), False)),
        ("exec id ls", None),
        ("state id", None),
        ("delete --force id", None),
    ],
)
def test_command_lines_of_containerd(line: str, found: tuple[Path, bool] | None) -> None:
    assert runtime_shim.rewritten(line.split()) == found


def test_runs_by_itself_and_becomes_runc(tmp_path: Path) -> None:
    """The copied file works with the standard library only, from any directory."""
    (tmp_path / "config.json").write_text(json.dumps({"process": PROCESS}))
    script = tmp_path / "cnai-runc"
    script.write_text(Path(runtime_shim.__file__).read_text())
    runc = tmp_path / "bin" / "runc"
    runc.parent.mkdir()
    runc.write_text('#!/bin/sh\necho "$@"\n')
    runc.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-IS", str(script), "create", "--bundle", str(tmp_path), "one"],
        env={"PATH": f"{runc.parent}{os.pathsep}{os.environ['PATH']}"},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["create", "--bundle", str(tmp_path), "one"]
    after = json.loads((tmp_path / "config.json").read_text())["process"]
    here = runtime_shim.bounding_set(Path("/proc/self/status").read_text())
    assert set(after["capabilities"]["bounding"]) == ALL & here
