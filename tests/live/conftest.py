from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.status.report import Status
from stacks import stack_files
from stacks.cli.status import report
from stacks.settings import Settings
from tests.conftest import Platform
from tests.waiting import wait_for

Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(platform: Platform) -> Kubectl:
    """Run kubectl against the platform; fails the test when it fails."""

    def run(*args: str) -> str:
        done = subprocess.run(
            [str(platform.home / "bin" / "kubectl"), f"--kubeconfig={platform.kubeconfig}", *args],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def told(platform: Platform) -> Callable[[str], Any]:
    """An output of the stack."""

    def output(name: str) -> Any:
        done = platform.pulumi("stack", "output", name, "--json", "--stack", platform.stack)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return output


def eventually(ask: Callable[[], Any], seconds: float = 60) -> Any:
    """Return the answer of a network that may still be finding its ways, or its last error."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


@pytest.fixture
def settings(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of the platform's stack, read where the tests keep them."""
    monkeypatch.setenv("CNAI_HOME", str(platform.home))
    monkeypatch.setattr(stack_files, "STACKS", Path(platform.env["CNAI_STACKS"]))
    return stack_files.settings(platform.stack)


@pytest.fixture
def look(platform: Platform, settings: Settings) -> Callable[[], Status]:
    """Look at the platform as `cnai status` does, by the settings as they are at that moment."""
    assert settings is not None

    def seen() -> Status:
        # On a busy machine an API server may take its time.
        found: list[Status] = []

        def answered() -> bool:
            found[:] = [report(platform.stack, stack_files.settings(platform.stack))]
            return bool(found[0].addons)

        wait_for("the API server answers", answered, seconds=600)
        return found[0]

    return seen
