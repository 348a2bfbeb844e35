"""The kubeconfig of a team's members: a token of the team's own account, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from components.api_server import ApiServer
from components.clusters.kind import kubeconfig_file
from components.team import MEMBER

HOURS = 24
"""How long a token is good for; `cnai env` and `cnai up` ask for the next one."""


def kubeconfig(base: dict[str, Any], team: str, token: str) -> dict[str, Any]:
    """Return the kubeconfig of a member from that of the base's owner. Pure."""
    at = next(c for c in base["contexts"] if c["name"] == base["current-context"])["context"]
    cluster = next(c for c in base["clusters"] if c["name"] == at["cluster"])
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": team, "user": {"token": token}}],
        "contexts": [
            {
                "name": team,
                "context": {"cluster": cluster["name"], "user": team, "namespace": team},
            }
        ],
        "current-context": team,
    }


def write_kubeconfig(stack: str, base: str, team: str) -> Path:
    """Ask for a token and write the kubeconfig of a team's members; return where it is."""
    owner = kubeconfig_file(base).read_text()
    path = f"/api/v1/namespaces/{team}/serviceaccounts/{MEMBER}/token"
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": HOURS * 3600},
    }
    answer = json.loads(ApiServer(owner).text(path, method="POST", body=wanted))
    made = kubeconfig(yaml.safe_load(owner), team, answer["status"]["token"])
    file = kubeconfig_file(stack)
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(made))
    return file
