"""What Pulumi runs: the settings of the selected stack become a platform, or a place on one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from stacks import stack_files
from stacks.compose import Platform
from stacks.sealed import all_open
from stacks.settings import inherited, load
from stacks.teams import is_tenant
from stacks.tenant import Tenant
from tools.errors import ProblemError


def main() -> None:
    """Bring up the stack that Pulumi selected."""
    try:
        stack = pulumi.get_stack()
        values = inherited(stack, said(CONFIG.get() or get_config_env()), stack_files.read)
        settings = load(values)
        if is_tenant(settings):
            # The secrets of its base are none of a tenant's business, and none of its part.
            made: Tenant | Platform = Tenant(settings)
        else:
            all_open(stack, values)
            made = Platform(stack, settings)
        for name, value in made.outputs.items():
            pulumi.export(name, value)
    except ProblemError as error:
        # The engine prints a traceback for anything else; a problem is its own four lines.
        raise pulumi.RunError(str(error)) from None


def said(config: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the namespace ``cnai``; Pulumi hands structured ones over as JSON."""
    own = {
        key.removeprefix(stack_files.NAMESPACE): value
        for key, value in config.items()
        if key.startswith(stack_files.NAMESPACE)
    }
    return {k: json.loads(v) if v[:1] in {"{", "["} else v for k, v in own.items()}
