"""The provider of resources that are Python classes: the SDK's own, which ends with its engine.

The SDK's waits for the engine to end it. An engine that is killed ends nobody, and the provider
would stay for ever.
"""

from __future__ import annotations

import os
import runpy
import threading
import time

PAUSE = 1.0
"""Seconds between two looks."""


def end_with(parent: int) -> None:
    """End this process, whatever it does, when it is nobody's or somebody else's child."""
    while os.getppid() == parent:
        time.sleep(PAUSE)
    os._exit(1)


def main() -> None:
    """Serve the engine that started this process, as long as it is there."""
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
