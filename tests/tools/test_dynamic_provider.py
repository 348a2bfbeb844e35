from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.waiting import wait_for
from tools.paths import REPO

ENGINE = """
import subprocess, sys, time
provider = subprocess.Popen([sys.executable, "-u", "-m", "tools.dynamic_provider"],
                            stdout=subprocess.PIPE)
provider.stdout.readline()  # its port: it serves
print(provider.pid, flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_provider_ends_when_its_engine_is_killed() -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE], cwd=REPO, stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout is not None
    provider = int(engine.stdout.readline())
    try:
        assert not gone(provider)
        engine.send_signal(signal.SIGKILL)
        engine.wait()
        wait_for("the provider ends", lambda: gone(provider), seconds=30)
    finally:
        engine.kill()
        engine.stdout.close()
        if not gone(provider):
            os.kill(provider, signal.SIGKILL)
