"""What is said of a machine before anything is made on it."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tools import host, host_facts
from tools.host import GIB, HostFacts, Wanted

GOOD = HostFacts(
    system="Linux",
    distro="Debian GNU/Linux 12 (bookworm)",
    machine="x86_64",
    root=True,
    cores=2,
    memory_bytes=24 * GIB,
    memory_available_bytes=20 * GIB,
    disk_free_bytes=60 * GIB,
    disk_place="/cache",
    inotify_instances=1024,
    inotify_watches=524288,
)


def told(facts: HostFacts, wanted: Wanted | None = None) -> list[tuple[str, int]]:
    found = host.preflight(facts, wanted or Wanted())
    return [(problem.id, problem.exit_code) for problem in found]


def test_a_good_machine_is_left_in_peace() -> None:
    assert told(GOOD, Wanted(ports=(5050,), builds=True)) == []


@pytest.mark.parametrize(
    ("change", "wanted", "expected"),
    [
        ({"memory_available_bytes": 7 * GIB}, Wanted(), [("CNAI-HOST-010", 2)]),
        ({"memory_available_bytes": 7 * GIB}, Wanted(cluster=False), []),
        ({"memory_available_bytes": None}, Wanted(), []),
        ({"disk_free_bytes": 15 * GIB}, Wanted(), []),
        ({"disk_free_bytes": 15 * GIB}, Wanted(builds=True), [("CNAI-HOST-011", 2)]),
        ({"disk_free_bytes": 9 * GIB}, Wanted(), [("CNAI-HOST-011", 2)]),
        ({"disk_free_bytes": 64 * GIB}, Wanted(builds=True, compiled=30), [("CNAI-HOST-011", 2)]),
        ({"disk_free_bytes": 66 * GIB}, Wanted(builds=True, compiled=30), []),
        ({"inotify_instances": 128}, Wanted(), [("CNAI-HOST-012", 0)]),
        ({"inotify_instances": 64}, Wanted(), [("CNAI-HOST-012", 2)]),
        ({"inotify_instances": 64}, Wanted(cluster=False), []),
        ({"inotify_watches": 8192}, Wanted(), [("CNAI-HOST-012", 2)]),
        ({"listening": {5050: "1 (nginx)"}}, Wanted(ports=(5050,)), [("CNAI-HOST-013", 2)]),
        ({"listening": {5050: "1 (nginx)"}}, Wanted(ports=(5051,)), []),
        ({"missing_capabilities": frozenset({"CAP_BPF"})}, Wanted(), [("CNAI-HOST-014", 0)]),
        ({"machine": "aarch64"}, Wanted(), [("CNAI-HOST-017", 0)]),
        ({"machine": "riscv64"}, Wanted(), [("CNAI-HOST-015", 2)]),
        ({"cores": 1}, Wanted(), [("CNAI-HOST-016", 0)]),
    ],
)
def test_one_thing_amiss(
    change: dict[str, object], wanted: Wanted, expected: list[tuple[str, int]]
) -> None:
    assert told(replace(GOOD, **change), wanted) == expected  # type: ignore[arg-type]


def test_all_is_told_at_once_the_worst_first() -> None:
    bad = replace(GOOD, cores=1, memory_available_bytes=1 * GIB, disk_free_bytes=1 * GIB)
    codes = [code for _, code in told(bad)]
    assert codes == [2, 2, 0]


def test_a_taken_port_names_the_process() -> None:
    taken = replace(GOOD, listening={5050: "812 (nginx)"})
    (problem,) = host.preflight(taken, Wanted(ports=(5050,)))
    assert "812 (nginx)" in problem.why


def test_every_problem_has_something_to_do_about_it() -> None:
    bad = replace(
        GOOD,
        machine="s390x",
        cores=1,
        memory_available_bytes=0,
        disk_free_bytes=0,
        inotify_instances=1,
        inotify_watches=1,
        missing_capabilities=frozenset({"CAP_BPF"}),
        listening={1: ""},
    )
    found = host.preflight(bad, Wanted(ports=(1,)))
    assert len(found) == 8
    assert all(problem.what and problem.why and problem.fix for problem in found)


def test_sockets_of_the_loopback_address_are_listed() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid  inode\n"
        "   0: 0100007F:13BA 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 111 1\n"
        "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 222 1\n"
        "   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 333 1\n"
        "   3: 0200A8C0:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 444 1\n"
    )
    assert host_facts.listening_sockets(table) == {5050: "111", 22: "222"}


def test_this_machine_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "not" / "there"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        facts = host.read([port])
    assert facts.listening[port].startswith(f"{os.getpid()} (")
    assert facts.cores >= 1
    assert facts.memory_bytes
    assert facts.disk_free_bytes
    assert facts.disk_place == str(tmp_path / "not" / "there")
    assert f"{facts.cores} cores" in host.summary(facts)
