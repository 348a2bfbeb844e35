"""Forks as files, without a cluster: secrets go along encrypted, settings go back to the base."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tools.paths import REPO

pytestmark = pytest.mark.live
HOOK = "https://hooks.example.org/a-secret"
KEY = "cnai:addons.prometheus.webhook"


@dataclass(frozen=True)
class Desk:
    """A folder of stacks, and a home of their own."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "CNAI_HOME": str(self.folder / "home"),
            "CNAI_STACKS": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def cnai(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["cnai", *args], env=self.env, cwd=REPO, capture_output=True, text=True, check=False
        )

    def pulumi(self, stack: str, *args: str, told: str = "") -> str:
        script = f'eval "$(cnai env {stack})" && exec pulumi "$@"'
        file = f"--config-file={self.file(stack)}"
        return subprocess.run(
            ["bash", "-c", script, "pulumi", *args, f"--stack={stack}", file],
            env=self.env,
            cwd=REPO,
            input=told,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def file(self, stack: str) -> Path:
        return self.folder / f"Pulumi.{stack}.yaml"

    def said(self, stack: str) -> dict[str, object]:
        return dict(yaml.safe_load(self.file(stack).read_text())["config"])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    shutil.copy(REPO / "stacks" / "Pulumi.kind.yaml", tmp_path)
    return Desk(tmp_path)


def test_a_secret_goes_along_encrypted_for_the_fork(desk: Desk) -> None:
    assert desk.cnai("fork", "kind", "--team=first", "--mode=stack").returncode == 0  # opens kind
    desk.pulumi("first-kind", "config", "set", "--secret", "--path", KEY, told=HOOK)
    forked = desk.cnai("fork", "first-kind", "--team=second", "--mode=stack")
    assert forked.returncode == 0, forked.stderr
    assert "encrypted again" in forked.stderr
    second = "second-first-kind"
    ours, theirs = desk.file(second).read_text(), desk.file("first-kind").read_text()
    assert HOOK not in ours + theirs + forked.stdout + forked.stderr
    secure = [line.strip() for line in ours.splitlines() if "secure:" in line]
    assert len(secure) == 1
    assert secure[0] not in theirs
    assert desk.pulumi(second, "config", "get", "--path", KEY) == HOOK


def test_of_two_forks_of_one_name_at_once_one_is_told_so(desk: Desk) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: desk.cnai("fork", "kind", "--team=vision"), range(2)))
    assert sorted(one.returncode for one in done) == [0, 2]
    assert "CNAI-TEAM-008" in next(one.stderr for one in done if one.returncode)


def test_a_fork_that_cannot_be_writes_nothing(desk: Desk) -> None:
    for asked in ("--gpus=99", "--cpu=99", "--ttl=soon", "--team=kube-system"):
        done = desk.cnai("fork", "kind", "--team=vision", asked)
        assert done.returncode == 2, asked
        assert "fix" in done.stderr
    assert [file.name for file in desk.folder.glob("Pulumi.*.yaml")] == ["Pulumi.kind.yaml"]


def test_what_a_fork_says_goes_back_to_its_base(desk: Desk) -> None:
    assert desk.cnai("fork", "kind", "--team=vision", "--mode=stack").returncode == 0
    file = desk.file("vision-kind")
    file.write_text(file.read_text() + "  cnai:queue: {cpu: 700m}\n")
    differs = desk.cnai("diff", "vision-kind").stdout
    assert "~ cnai:queue.cpu: 1500m → 700m" in differs
    promoted = desk.cnai("promote", "vision-kind")
    assert promoted.returncode == 0, promoted.stderr
    assert desk.said("kind")["cnai:queue"] == {"cpu": "700m", "memory": "4Gi"}
    assert "cnai:queue" not in desk.said("vision-kind")
    assert desk.file("kind").read_text().startswith("# The laptop")
    assert desk.cnai("promote", "vision-kind").returncode == 7


def test_a_base_is_not_made_to_say_what_cannot_be(desk: Desk) -> None:
    assert desk.cnai("fork", "kind", "--team=vision", "--mode=stack").returncode == 0
    before, file = desk.file("kind").read_text(), desk.file("vision-kind")
    file.write_text(file.read_text() + "  cnai:workers: 2\n")
    file.write_text(file.read_text().replace("workers: 2", "workers: 77"))
    assert desk.cnai("promote", "vision-kind").returncode == 2
    assert desk.file("kind").read_text() == before


def test_a_last_day_is_moved(desk: Desk) -> None:
    assert desk.cnai("fork", "kind", "--team=vision", "--ttl=1d").returncode == 0
    before = desk.said("vision-kind")["cnai:team"]
    assert desk.cnai("extend", "vision-kind", "--ttl=60d").returncode == 0
    after = desk.said("vision-kind")["cnai:team"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert str(after.pop("expires")) > str(before.pop("expires"))
    assert after == before
    assert desk.cnai("extend", "kind", "--ttl=60d").returncode == 2
