"""Kyverno: the rules that have to hold at admission, whoever writes the object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.addon import Addon, Context, Manifest
from components.labels import QUEUE, TENANT
from components.pods import container_security, resources
from components.probes import Probe, accepted, available, established, refused
from components.scrapes import Scrape
from components.team import Share, Team
from components.workloads import Server

NAME = "kyverno"
API = "policies.kyverno.io/v1"
USER = 65534
WORK = "app.kubernetes.io/component"


def kinds(ctx: Context) -> Sequence[Path]:
    """Return the kinds of policies and reports.

    The controllers watch all policies, those of the language before this one too.
    """
    crds = ctx.module(NAME) / "config" / "crds"
    groups = ("kyverno", "policies.kyverno.io", "policyreport", "reports")
    return [path for group in groups for path in sorted((crds / group).glob("*.yaml"))]


def image(ctx: Context, name: str) -> dict[str, str]:
    """Return the image in the form that the chart takes."""
    registry, path = ctx.image(name).split("/", 1)
    repository, tag = path.rsplit(":", 1)
    return {"registry": registry, "repository": repository, "tag": tag}


def brisk(cpu: str, memory: str, limit: str) -> dict[str, Any]:
    """Return resources that lift the chart's limit of a tenth of a processor."""
    asked = resources(cpu, memory, limit)
    return {**asked, "limits": {**asked["limits"], "cpu": "1"}}


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: webhooks only where teams work, and no controller that has no policy."""
    return {
        "fullnameOverride": NAME,
        "crds": {"install": False},
        "webhooksCleanup": {"enabled": False},
        "config": {
            "preserve": False,
            "webhooks": {
                # A Kyverno that is down can then hold up no namespace that mends the cluster.
                "namespaceSelector": {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}
            },
        },
        # Nobody would gather them.
        "features": {"admissionReports": {"enabled": False}},
        "admissionController": {
            "replicas": ctx.facts.replicas,
            "initContainer": {
                "image": image(ctx, "kyverno-init"),
                "resources": brisk("10m", "32Mi", "256Mi"),
            },
            "container": {
                "image": image(ctx, NAME),
                "resources": resources("20m", "96Mi", "512Mi"),
            },
        },
        "backgroundController": {"enabled": False},
        "cleanupController": {"enabled": False},
        "reportsController": {"enabled": False},
    }


def allowed(ctx: Context) -> Manifest:
    """Return a policy that allows all, to learn whether policies are taken."""
    return {
        "apiVersion": API,
        "kind": "ValidatingPolicy",
        "metadata": {"name": "cnai-proof"},
        "spec": {
            "validationActions": ["Audit"],
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["configmaps"],
                    }
                ]
            },
            "validations": [{"expression": "true", "message": ctx.pin.version}],
        },
    }


def ready(ctx: Context) -> tuple[Probe, ...]:
    """Claim that policies are served and that the webhooks answer for them."""
    return (
        established("validatingpolicies.policies.kyverno.io"),
        available("Deployment", NAME, "kyverno-admission-controller"),
        accepted("the webhooks of Kyverno answer", allowed(ctx)),
    )


def serving(ctx: Context, team: str, labels: dict[str, str]) -> Manifest:
    """Return a Deployment that asks for an accelerator; it is only shown to the API server.

    A job would not do: Kueue gives a job without a queue the team's own before a guard sees it.
    """
    asked = resources("10m", "32Mi")
    asked["limits"]["nvidia.com/gpu"] = 1
    made = Server(
        name="guard-proof",
        namespace=team,
        user=USER,
        container={
            "image": ctx.image(NAME),
            "securityContext": container_security(),
            "resources": asked,
        },
    ).deployment()
    made["metadata"]["labels"] = {**made["metadata"]["labels"], **labels}
    return made


def per_team(ctx: Context, team: Team) -> Share:
    """Claim that a team is refused a way past its queue, and not the one through it."""
    return Share(
        proof=[
            refused(
                f"team {team.name} takes no accelerator past its queue",
                serving(ctx, team.namespace, {}),
                contains="CNAI-GPU-001",
            ),
            accepted(
                f"team {team.name} asks its queue for an accelerator",
                serving(ctx, team.namespace, {QUEUE: "default"}),
            ),
        ]
    )


ADDON = Addon(
    name=NAME,
    title="Rules that hold at admission, whoever writes the object",
    namespace=NAME,
    images=(NAME, "kyverno-init"),
    chart=NAME,
    crds=kinds,
    values=values,
    ready=ready,
    resources=lambda ctx: list(ctx.guards),
    per_team=per_team,
    scrapes=(
        Scrape(
            name="kyverno",
            namespace=NAME,
            labels={WORK: "admission-controller"},
            port=8000,
        ),
    ),
    leftovers="webhook.kyverno.io/managed-by=kyverno",
)
