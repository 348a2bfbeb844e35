"""Waits until the addons of a platform that runs already answer again."""

from __future__ import annotations

from pathlib import Path

from components.addon import everything
from stacks.compose import chosen, contexts, facts_of
from stacks.settings import Settings
from tools import supply


def wait(stack: str, settings: Settings, kubeconfig: Path) -> int:
    """Wait for what every addon claims when it is ready; return how many claims held.

    Raises ProblemError (CNAI-ADDON-003) with the claim that did not.
    """
    from components import probe_runner  # noqa: PLC0415  imports take a second

    addons = chosen(settings, supply.resolve(settings.supply))
    # Claims name objects and not what is secret in them.
    seen = contexts(facts_of(stack, settings), settings, addons, lambda _: "")
    claims = [
        probe.data() for addon in addons for probe in everything(addon, seen[addon.name]).ready
    ]
    return len(probe_runner.await_all(kubeconfig.read_text(), claims))
