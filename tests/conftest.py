"""One real platform for all tests that need one; made once, by the command that a person types."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import yaml

from components.clusters.kind import nodes
from stacks.cli.login import mlflow as mlflow_login
from tools.engine import Engine, find
from tools.paths import REPO

# A busy machine is no failure: nothing here is judged by the clock.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

QUEUE = "default"
NAMESPACE = "ml-default"


@dataclass(frozen=True)
class Platform:
    """A stack of the tests' own, in a home of its own: nothing of the user's is touched."""

    stack: str
    home: Path
    env: dict[str, str]
    mlflow_url: str
    killed_first: bool = True
    namespace: str = NAMESPACE
    queue: str = QUEUE

    @property
    def cluster(self) -> str:
        return f"cnai-{self.stack}"

    @property
    def name(self) -> str:
        return self.cluster

    @property
    def kubeconfig(self) -> Path:
        return self.home / f"{self.stack}.kubeconfig"

    def stack_file(self, stack: str) -> Path:
        return Path(self.env["CNAI_STACKS"], f"Pulumi.{stack}.yaml")

    @property
    def engine(self) -> Engine:
        found = find()
        assert found is not None
        return found

    @property
    def nodes(self) -> list[str]:
        return [self.cluster + end for end in ("-control-plane", "-worker", "-worker2")]

    def cnai(self, *args: str, timeout: int = 3600) -> subprocess.CompletedProcess[str]:
        """Run the command as a person would; what it says on stderr is shown as it comes."""
        return subprocess.run(
            ["cnai", *args],
            env=self.env,
            cwd=REPO,
            stdout=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )

    def mlflow(self, path: str) -> Any:
        """What MLflow answers to the platform's own team."""
        login = mlflow_login(self.kubeconfig, self.namespace)
        user, password = login["MLFLOW_TRACKING_USERNAME"], login["MLFLOW_TRACKING_PASSWORD"]
        answer = requests.get(f"{self.mlflow_url}{path}", auth=(user, password), timeout=30)
        answer.raise_for_status()
        return answer.json()

    def pulumi(self, *args: str, of: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` in the environment that `cnai env` prints, of this stack or another."""
        stack = of or self.stack
        if args[0] in {"up", "preview", "refresh", "destroy"}:
            file = self.home / "stacks" / f"Pulumi.{stack}.yaml"
            args = (*args, f"--config-file={file}")
        script = f'eval "$(cnai env {stack})" && exec pulumi "$@"'
        return subprocess.run(
            ["bash", "-c", script, "pulumi", *args],
            env=self.env,
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill_when_nodes_are_there(described: Platform) -> None:
    """Start `cnai up` and kill it, with all that it started, in the midst of making the cluster."""
    run = subprocess.Popen(
        ["cnai", "up", described.stack], env=described.env, cwd=REPO, start_new_session=True
    )
    try:
        end = time.monotonic() + 3600
        while time.monotonic() < end and run.poll() is None:
            engine = find()
            if engine and nodes(engine, described.cluster):
                break
            time.sleep(0.2)
        assert run.poll() is None, "`cnai up` ended before it made a node"
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A stack that extends the laptop's by all that can be had; described but not brought up."""
    folder = tmp_path_factory.mktemp("platform")
    stacks, home = folder / "stacks", folder / "home"
    stacks.mkdir()
    shutil.copy(REPO / "stacks" / "Pulumi.kind.yaml", stacks)
    stack, port = f"test{os.getpid()}", free_port()
    config = {"cnai:extends": "kind", "cnai:profile": "full", "cnai:ports": {"mlflow": port}}
    (stacks / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    env = {
        **os.environ,
        "CNAI_HOME": str(home),
        "CNAI_STACKS": str(stacks),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    return Platform(stack, home, env, f"http://localhost:{port}")


@pytest.fixture(scope="session")
def platform(described: Platform) -> Iterator[Platform]:
    """A platform that runs; taken away at the end whatever happened."""
    # The first run is killed half-way: what the tests work on is what the second run made of it.
    try:
        kill_when_nodes_are_there(described)
        up = described.cnai("up", described.stack)
        assert up.returncode == 0, "`cnai up` failed; what it said is above"
        yield described
    finally:
        described.cnai("down", described.stack)


@pytest.fixture(scope="session")
def cluster(platform: Platform) -> Platform:
    """The cluster of the platform."""
    return platform


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cheap tests first; those that need the platform share it; those that end it come last."""

    def rank(item: pytest.Item) -> int:
        if item.get_closest_marker("last"):
            return 3
        return 2 if {"platform", "cluster"} & set(getattr(item, "fixturenames", ())) else 1

    items.sort(key=rank)
