"""Named sets of addons; one whose name ends in ``?`` belongs to a set where it can be had."""

from __future__ import annotations

PROFILES: dict[str, tuple[str, ...]] = {
    "minimal": ("jobset", "kueue"),
    "laptop": ("kueue", "kwok", "mlflow", "trainer"),
}
