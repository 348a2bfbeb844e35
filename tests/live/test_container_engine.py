"""An engine of our own, for real: started twice at once, killed, found again, and gone.

It runs in network and mount namespaces of its own with an empty ``/run``, so the engine of the
machine neither sees it nor is seen by it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import pytest

from tools import dockerd
from tools.paths import REPO

pytestmark = pytest.mark.live

ISOLATED = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /run
# Nobody's engine is to be found.
unset DOCKER_HOST XDG_RUNTIME_DIR
export HOME="$1"
ip link set lo up
iptables -P FORWARD ACCEPT
iptables -A INPUT -p tcp --dport 9 -m comment --comment 'of others' -j ACCEPT
shift
exec "$@"
"""


def isolated(folder: Path, script: str) -> str:
    """Run a Python script in namespaces of its own; nothing that it starts outlives it."""
    done = subprocess.run(
        [
            *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-c", ISOLATED, "sh", str(folder), sys.executable, "-c"),
            textwrap.dedent(script),
        ],
        env={**os.environ, "CNAI_CACHE": str(folder / "cache"), "PYTHONPATH": str(REPO)},
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home with an archive of a system that has one program."""
    if os.geteuid() != 0 or not dockerd.program() or not shutil.which("unshare"):
        pytest.skip("only root starts an engine, where dockerd is installed")
    with tarfile.open(tmp_path / "system.tar", "w") as tar:
        tar.add(Path(shutil.which("true") or "/bin/true").resolve(), "true")
    return tmp_path


def test_two_at_once_get_one_engine(folder: Path) -> None:
    said = isolated(
        folder,
        """
        import concurrent.futures, subprocess, sys
        start = "from tools import engine; print(engine.ensure())"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = pool.map(
                lambda _: subprocess.run([sys.executable, "-c", start], capture_output=True,
                                         text=True, check=True).stdout, range(3))
        print(*sorted(set(runs)))
        print(subprocess.run(["pgrep", "--count", "--exact", "dockerd"], capture_output=True,
                             text=True).stdout)
        """,
    )
    engines, count = said.split("\n", 1)
    assert engines.count("Engine(") == 1
    assert "ours=True" in engines
    assert count.strip() == "1"


def test_it_takes_away_all_that_it_made_and_nothing_else(folder: Path) -> None:
    said = isolated(
        folder,
        """
        import socket
        from tools import dockerd, engine, host_network
        before = host_network.read(), [t.exists() for t in dockerd.TRACES]
        found = engine.ensure()
        assert "DOCKER" in host_network.read().rules["iptables"]
        assert host_network.read().bridge
        found.run("network", "create", "left-behind")
        assert engine.stop_if_idle()
        after = host_network.read()
        assert "DOCKER" not in after.rules["iptables"], after.rules["iptables"]
        assert "of others" in after.rules["iptables"]
        assert ":FORWARD ACCEPT" in after.rules["iptables"]
        assert after.sysctls == before[0].sysctls
        links = {name for _, name in socket.if_nameindex()}
        assert not [name for name in links if name.startswith(("docker", "br-"))], links
        assert not dockerd.RUN.exists()
        assert [t.exists() for t in dockerd.TRACES] == before[1]
        assert engine.find() is None
        assert not engine.stop_if_idle()
        print("clean")
        """,
    )
    assert said.strip() == "clean"


def test_one_that_was_killed_is_started_again_with_what_it_had(folder: Path) -> None:
    said = isolated(
        folder,
        f"""
        import os, signal, time
        from pathlib import Path
        from tools import dockerd, engine
        found = engine.ensure()
        found.run("import", "{folder}/system.tar", "one:1")
        killed = dockerd.pid()
        os.kill(killed, signal.SIGKILL)
        assert engine.find() is None
        again = engine.ensure()
        assert dockerd.pid() not in (None, killed)
        assert again.run("image", "ls", "--quiet", "one:1").strip()
        assert engine.stop_if_idle()
        assert not dockerd.RUN.exists()
        print("again")
        """,
    )
    assert said.strip() == "again"


def test_an_engine_with_a_container_is_left_alone(folder: Path) -> None:
    said = isolated(
        folder,
        f"""
        from tools import engine
        found = engine.ensure()
        found.run("import", "{folder}/system.tar", "one:1")
        found.run("create", "--name", "kept", "one:1", "/true")
        assert not engine.stop_if_idle()
        found.run("rm", "kept")
        assert engine.stop_if_idle()
        print("kept")
        """,
    )
    assert said.strip() == "kept"


def test_a_daemon_that_cannot_start_says_why(folder: Path) -> None:
    said = isolated(
        folder,
        """
        from pathlib import Path
        from tools import dockerd, engine
        from tools.errors import ProblemError
        dockerd.folder().mkdir(parents=True)
        (dockerd.folder() / "data").write_text("not a directory")
        try:
            engine.ensure()
        except ProblemError as error:
            print(error.problems[0].id, error.problems[0].why)
        """,
    )
    assert said.startswith("CNAI-HOST-005 ")
    assert "canonical path points to a file" in said or "not a directory" in said
