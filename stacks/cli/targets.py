"""What the supply has to have ready before a stack can be brought up. Pure."""

from __future__ import annotations

from stacks.compose import chosen
from stacks.settings import Settings

PROGRAMS = ("pulumi", "pulumi-kubernetes", "kind", "kubectl")


def targets(settings: Settings) -> list[str]:
    """Return the names of programs, images and charts, each once."""
    addons = chosen(settings)
    images = {name for addon in addons for name in addon.images}
    charts = {addon.chart for addon in addons if addon.chart}
    return [
        *[f"program:{name}" for name in PROGRAMS],
        "node-image",
        *[f"image:{name}" for name in sorted(images)],
        *[f"chart:{name}" for name in sorted(charts)],
    ]
