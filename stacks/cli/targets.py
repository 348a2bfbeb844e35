"""What the supply has to have ready before a stack can be brought up. Pure."""

from __future__ import annotations

from stacks.compose import chosen
from stacks.settings import Settings
from tools.supply import Mode

PROGRAMS = ("pulumi", "pulumi-kubernetes", "kind", "kubectl")


def images(settings: Settings, mode: Mode) -> list[str]:
    """Return the images that the addons of the settings run, each once."""
    return sorted({name for addon in chosen(settings, mode) for name in addon.images})


def targets(settings: Settings, mode: Mode) -> list[str]:
    """Return the names of programs, images and charts, each once."""
    charts = {addon.chart for addon in chosen(settings, mode) if addon.chart}
    return [
        *[f"program:{name}" for name in PROGRAMS],
        "node-image",
        *[f"image:{name}" for name in images(settings, mode)],
        *[f"chart:{name}" for name in sorted(charts)],
    ]
