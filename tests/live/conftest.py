from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Platform

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
