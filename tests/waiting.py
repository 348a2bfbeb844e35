"""Waiting for what becomes true by itself, on a machine that may be busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

PAUSE = 0.5
"""Seconds between two looks."""


def wait_for(what: str, seen: Callable[[], Any], seconds: float = 300) -> Any:
    """Return the first true answer of ``seen``; fail with ``what`` when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := seen():
            return answer
        time.sleep(PAUSE)
    return pytest.fail(f"not within {seconds:.0f} s: {what}")
