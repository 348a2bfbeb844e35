"""A team's login to MLflow, as its namespace has it: for the shell of whoever may read it."""

from __future__ import annotations

import base64
from pathlib import Path

from components.api_server import PASSING, ApiServer
from stacks.settings import Settings

SECRET = "mlflow"
QUICK = 5.0
"""Seconds within which the API server answers; a platform that is down has no login."""


def namespace(settings: Settings) -> str:
    """Return the namespace of the team that a stack is for, else of the platform's first team."""
    return settings.team.name if settings.team else settings.teams[0]


def mlflow(kubeconfig: Path, team: str) -> dict[str, str]:
    """Return the variables that MLflow's client reads; none where they cannot be had."""
    if not kubeconfig.exists():
        return {}
    try:
        found = ApiServer(kubeconfig.read_text(), limit=QUICK).find("v1", "Secret", SECRET, team)
    except PASSING:
        return {}
    return {name: base64.b64decode(value).decode() for name, value in found["data"].items()}
