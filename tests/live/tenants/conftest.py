"""Two teams on one cluster, forked as a person does it, and not under the best of conditions."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from components.api_server import PASSING, ApiServer
from stacks.cli import recover
from tests.conftest import Platform
from tools.paths import REPO

# Together they are guaranteed all the cores of the laptop's own queue.
ASKED = {
    "red": ("--cpu=400m", "--memory=2Gi", "--gpus=4", "--ttl=1d"),
    "blue": ("--cpu=1100m", "--memory=2Gi", "--gpus=4", "--ttl=1d"),
}


@dataclass
class Tenants:
    """The platform with both teams; ``said`` is what the runs said that brought them up."""

    platform: Platform
    said: dict[str, str] = field(default_factory=dict)

    def stack(self, team: str) -> str:
        return f"{team}-{self.platform.stack}"

    def file(self, team: str) -> Path:
        return self.platform.stack_file(self.stack(team))

    def up(self, team: str) -> int:
        return self.platform.cnai("up", self.stack(team)).returncode

    def owner(self) -> ApiServer:
        """The API server as the owner of the platform reaches it."""
        return ApiServer(self.platform.kubeconfig.read_text())

    def member(self, team: str) -> ApiServer:
        """The API server as members of a team reach it."""
        return ApiServer((self.platform.home / f"{self.stack(team)}.kubeconfig").read_text())

    def start(self, stack: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["cnai", "up", stack],
            env=self.platform.env,
            cwd=REPO,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def locks(self, team: str) -> list[Path]:
        """The locks of runs that are at work on the stack of a team."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CNAI_HOME", str(self.platform.home))
            return recover.locks(self.stack(team))

    def kill_when_it_has_begun(self, team: str) -> None:
        """Bring a team up, and kill the run when it has a namespace and is still at work."""
        run, owner = self.start(self.stack(team)), self.owner()
        try:
            while run.poll() is None:
                if there(owner, "Namespace", team) and self.locks(team):
                    break
                time.sleep(0.1)
            if run.poll() is not None:
                pytest.fail(f"`cnai up` ended before it was killed: {run.communicate()[0]}")
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
            run.communicate()


def there(owner: ApiServer, kind: str, name: str, namespace: str | None = None) -> bool:
    try:
        owner.find("v1", kind, name, namespace)
    except PASSING:
        return False
    return True


@pytest.fixture(scope="package")
def tenants(platform: Platform) -> Iterator[Tenants]:
    """Both teams, of which one was killed at first; they and their base came up all at once."""
    made = Tenants(platform)
    try:
        for team, asked in ASKED.items():
            forked = platform.cnai("fork", platform.stack, f"--team={team}", *asked)
            assert forked.returncode == 0
        made.kill_when_it_has_begun("red")
        runs = {s: made.start(s) for s in (*map(made.stack, ASKED), platform.stack)}
        made.said = {stack: run.communicate()[0] for stack, run in runs.items()}
        for stack, run in runs.items():
            assert run.returncode == 0, made.said[stack]
        yield made
    finally:
        for team in ASKED:
            if made.file(team).exists():
                platform.cnai("down", made.stack(team), "--no-archive")
                made.file(team).unlink()
