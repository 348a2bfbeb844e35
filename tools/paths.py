"""The two places that cnai writes to: the cache and the home of one checkout."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


def cache() -> Path:
    """Directory of everything that is content-addressed and shared by all checkouts."""
    if explicit := os.environ.get("CNAI_CACHE"):
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cnai"


def home() -> Path:
    """Directory of one checkout's state: environment, backend, passphrase, kubeconfigs, logs."""
    return Path(os.environ.get("CNAI_HOME") or REPO / ".cnai")
