"""Trivy Operator: the same questions as Trivy, asked anew whenever a workload changes.

Only upstream has it; its kinds, values and answers are written after its documentation and were not
tried.
"""

from __future__ import annotations

from typing import Any

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import managed
from components.pods import container_security, job, pod_security, resources
from components.probes import Probe, available, completes, established

NAME = "trivy-operator"
NAMESPACE = "trivy-system"
GROUP = "aquasecurity.github.io"
READER = "report-reader"
USER = 65532


class TrivyOperatorSettings(AddonSettings):
    """``jobs`` is how many scans may run at a time."""

    jobs: int = 1


def image(ref: str) -> dict[str, str]:
    """Return an image in the form that the chart takes."""
    registry, path = ref.split("/", 1)
    repository, tag = path.rsplit(":", 1)
    return {"registry": registry, "repository": repository, "tag": tag}


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: one database for all scans, and no look at what the nodes are set to."""
    return {
        "fullnameOverride": NAME,
        "image": image(ctx.image(NAME)),
        "resources": resources("20m", "128Mi", "512Mi"),
        "podSecurityContext": pod_security(USER),
        "securityContext": container_security(),
        "operator": {
            "scanJobsConcurrentLimit": ctx.settings.jobs,
            "builtInTrivyServer": True,
            # Their collector mounts the files of the nodes, and a cloud's answers for its own.
            "infraAssessmentScannerEnabled": False,
            "clusterComplianceEnabled": False,
        },
        "trivy": {
            "image": image(ctx.image("trivy-operator-scanner")),
            "resources": resources("50m", "128Mi", "512Mi"),
        },
    }


def reader() -> list[Manifest]:
    """Return the account of the proof, which may list reports."""
    metadata = {"name": READER, "namespace": NAMESPACE, "labels": managed(NAME)}
    authorization = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": f"{authorization}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [
                {"apiGroups": [GROUP], "resources": ["configauditreports"], "verbs": ["list"]}
            ],
        },
        {
            "apiVersion": f"{authorization}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": authorization, "kind": "Role", "name": READER},
            "subjects": [{"kind": "ServiceAccount", "name": READER, "namespace": NAMESPACE}],
        },
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that its kinds are served and the operator is there."""
    return (
        established(f"configauditreports.{GROUP}"),
        established(f"vulnerabilityreports.{GROUP}"),
        available("Deployment", NAMESPACE, NAME),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that a report was written: on the operator itself, which needs no database."""
    asks = job(
        NAME,
        NAMESPACE,
        "trivy-operator-proof",
        image=ctx.image("curl"),
        command=["sh", "-c", script(NAME, "proof.sh")],
        user=USER,
    )
    asks["spec"]["template"]["spec"].update(
        serviceAccountName=READER, automountServiceAccountToken=True
    )
    return (completes("Trivy Operator reports on a workload", asks, timeout=600),)


ADDON = Addon(
    name=NAME,
    title="Reports on what runs, whenever it changes",
    namespace=NAMESPACE,
    provides=("scanning",),
    images=(NAME, "trivy-operator-scanner", "curl"),
    settings=TrivyOperatorSettings,
    chart=NAME,
    values=values,
    workloads=lambda _: reader(),
    ready=ready,
    proof=proof,
)
