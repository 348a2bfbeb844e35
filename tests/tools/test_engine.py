"""Which engine is used, and what is said where there is none."""

from __future__ import annotations

import http.server
import os
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools import docker_api, dockerd, engine, host_packages
from tools.errors import ProblemError

OURS = dockerd.host()


class _Pong(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body, kind = (
            (b"OK", "text/plain") if self.path == "/_ping" else (b"[1]", "application/json")
        )
        self.send_response(200 if self.path != "/broken" else 500)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "socket"


@contextmanager
def answering(socket: Path) -> Iterator[str]:
    """A server that speaks HTTP on a Unix socket, as an engine does."""
    with socketserver.UnixStreamServer(str(socket), _Pong) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"unix://{socket}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A machine with a docker client and no engine but the one named by DOCKER_HOST."""
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\nexit 1\n")
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return lambda host: monkeypatch.setenv("DOCKER_HOST", host)


def test_docker_host_rules_out_all_others() -> None:
    found = engine.candidates({"DOCKER_HOST": "tcp://here:1", "HOME": "/root"}, "unix:///c")
    assert found == ["tcp://here:1"]


def test_order_of_candidates() -> None:
    found = engine.candidates({"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/1"}, "unix:///c")
    assert found == [
        "unix:///c",
        "unix:///var/run/docker.sock",
        "unix:///run/user/1/docker.sock",
        "unix:///home/u/.docker/run/docker.sock",
        OURS,
    ]


def test_an_engine_that_answers_is_found(tmp_path: Path, machine: Callable[[str], None]) -> None:
    with answering(tmp_path / "s") as host:
        machine(host)
        found = engine.find()
    assert found == engine.Engine(host, tmp_path / "docker", ours=False)


def test_the_environment_of_an_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/opt/d:/bin")
    env = engine.Engine("unix:///s", Path("/opt/d/docker"), ours=False).env()
    assert env["DOCKER_HOST"] == "unix:///s"
    assert env["PATH"] == f"{tmp_path}/home/bin:/opt/d:/usr/bin:/bin"


def test_a_dead_socket_is_no_engine(tmp_path: Path, machine: Callable[[str], None]) -> None:
    with answering(tmp_path / "s") as host:
        pass
    machine(host)
    assert (tmp_path / "s").exists()
    assert engine.find() is None


def test_an_explicit_engine_that_is_silent_is_a_problem(
    tmp_path: Path, machine: Callable[[str], None]
) -> None:
    machine(f"unix://{tmp_path}/none")
    with pytest.raises(ProblemError) as caught:
        engine.ensure()
    (problem,) = caught.value.problems
    assert (problem.id, problem.exit_code) == ("CNAI-HOST-002", 2)
    assert str(tmp_path) in problem.what


def test_an_error_of_the_engine_is_an_oserror(tmp_path: Path) -> None:
    with answering(tmp_path / "s") as host:
        assert docker_api.ask(host, "/containers/json") == [1]
        with pytest.raises(OSError, match="500"):
            docker_api.ask(host, "/broken")


def test_a_failing_client_says_why(tmp_path: Path) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\necho first >&2; echo 'no such image' >&2; exit 125\n")
    client.chmod(0o755)
    with pytest.raises(ProblemError) as caught:
        engine.Engine("unix:///s", client, ours=False).run("inspect", "x")
    assert caught.value.problems[0].why == "no such image"


def test_a_client_that_stops_reading_says_why(tmp_path: Path) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\necho 'no space left on device' >&2; exit 1\n")
    client.chmod(0o755)
    found = engine.Engine("unix:///s", client, ours=False)
    with pytest.raises(ProblemError) as caught, found.feed("import", "-") as pipe:
        pipe.write(bytes(1 << 22))
    assert caught.value.problems[0].why == "no space left on device"


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "apt-get install docker.io"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt-get install docker.io"),
        ({"ID": "fedora"}, "dnf install moby-engine"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "zypper install docker"),
        ({"ID": "arch"}, "pacman -S docker"),
        ({"ID": "alpine"}, "apk add docker"),
        ({"ID": "darwin"}, "colima"),
        ({"ID": "plan9"}, "install Docker Engine"),
    ],
)
def test_the_fix_is_that_of_the_system(release: dict[str, str], command: str) -> None:
    problem = engine.absent(release, root=False)
    assert (problem.id, problem.exit_code) == ("CNAI-HOST-001", 2)
    assert command in problem.fix


def test_os_release_is_read_as_shells_do() -> None:
    text = '# c\nID=ubuntu\nPRETTY_NAME="Ubuntu 26.04 LTS"\nID_LIKE=debian\n\n'
    read = host_packages.os_release(text)
    assert read["PRETTY_NAME"] == "Ubuntu 26.04 LTS"
    assert host_packages.is_debian(read)
    assert not host_packages.is_debian({"ID": "fedora"})


def test_the_daemon_writes_nowhere_else() -> None:
    line = dockerd.command("/d", data=Path("/cache/data"), runtime=None, mtu=None)
    paths = [word.partition("=")[2] or word for word in line[1:] if "/" in word]
    places = ("/cache/", f"{dockerd.RUN}/", f"unix://{dockerd.RUN}/")
    assert all(path.startswith(places) for path in paths)
    assert not any("runtime" in word for word in line)


def test_the_runtime_is_ours_only_where_it_must_be() -> None:
    line = dockerd.command("/d", data=Path("/data"), runtime=Path("/r"), mtu=1400)
    assert "--default-runtime=cnai" in line
    assert "--add-runtime=cnai=/r" in line
    assert "--mtu=1400" in line


def test_the_last_words_of_a_daemon() -> None:
    log = 'level=info msg="a"\nfailed to start daemon: no space left\nlevel=info msg="b"\n'
    assert dockerd.last_words(log) == "failed to start daemon: no space left"
    assert dockerd.last_words("one\ntwo\n") == "two"
    assert dockerd.last_words("") == "it wrote nothing"


def test_mounts_are_found_innermost_first() -> None:
    table = "tmpfs /run tmpfs rw 0 0\nnsfs /run/cnai/a nsfs rw 0 0\nx /run/cnai/a/b x rw 0 0\n"
    assert dockerd.mounts_below(table, Path("/run/cnai")) == ["/run/cnai/a/b", "/run/cnai/a"]


def test_a_foreign_process_with_our_number_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerd, "RUN", tmp_path)
    assert dockerd.pid() is None
    (tmp_path / "docker.pid").write_text(f"{os.getpid()}\n")
    assert dockerd.pid() is None


def test_nothing_to_stop_where_nothing_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerd, "RUN", tmp_path / "none")
    assert engine.stop_if_idle() is False


def test_the_policy_that_holds_services_back_goes_with_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(host_packages, "POLICY", policy)
    monkeypatch.setattr(host_packages, "systemd_runs", lambda: False)
    for left_behind in (False, True):
        if left_behind:  # by a run that was killed
            policy.write_text(f"#!/bin/sh\n{host_packages.MARK}exit 101\n")
        with host_packages.services_held_back():
            assert os.access(policy, os.X_OK)
        assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 101\n")
    with host_packages.services_held_back():
        assert host_packages.MARK not in policy.read_text()
    assert policy.exists()
