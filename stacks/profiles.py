"""Named sets of addons."""

from __future__ import annotations

PROFILES: dict[str, tuple[str, ...]] = {
    "minimal": ("jobset", "kueue"),
    "laptop": ("kueue", "kwok", "mlflow", "trainer"),
}
