"""Gathers what each gate of compliance sees of a stack, and holds the rules against it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.api_server import ApiServer, RefusedError
from components.labels import TENANT
from policies.audit import Finding, of_resources, of_settings
from policies.catalog import Gate, rules
from policies.ground import KUBERNETES, Ground
from policies.scans import KINDS as REPORTS
from policies.scans import Scan, of_reports
from policies.sources import of_objects, of_preview, of_state, own
from policies.twins import standing
from stacks.cli.pulumi_cli import Pulumi
from stacks.compliance import PACK, ground, pack_config
from stacks.settings import Settings
from tools.errors import Problem, ProblemError
from tools.paths import home

KINDS = (
    *(("v1", kind) for kind in ("Namespace", "ConfigMap", "Service", "ServiceAccount")),
    *(("v1", kind) for kind in ("Pod", "PersistentVolumeClaim", "ResourceQuota", "LimitRange")),
    *(("apps/v1", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")),
    *(("batch/v1", kind) for kind in ("Job", "CronJob")),
    *(("networking.k8s.io/v1", kind) for kind in ("NetworkPolicy", "Ingress")),
    *(
        ("rbac.authorization.k8s.io/v1", kind)
        for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
    ),
    *(
        ("admissionregistration.k8s.io/v1", kind)
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
    ),
    ("storage.k8s.io/v1", "StorageClass"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("kueue.x-k8s.io/v1beta2", "LocalQueue"),
    ("jobset.x-k8s.io/v1alpha2", "JobSet"),
    ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
    ("serving.kserve.io/v1beta1", "InferenceService"),
)
"""What is read of a cluster; no Secret is."""
NO_STATE = "CNAI-CHECK-002"
"""Problem of a stack that has not been brought up: it can be checked without a state."""
GONE = 404


def pack_arguments(stack: str, settings: Settings) -> tuple[str, str]:
    """Return the arguments for `pulumi` that hold the rules against a run."""
    path = home() / "stacks" / f"policies-{stack}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(pack_config(settings, today())))
    return f"--policy-pack={PACK}", f"--policy-pack-config={path}"


def today() -> Any:
    """Return the day by which waivers are counted (UTC)."""
    return datetime.now(tz=UTC).date()


def of_intent(settings: Settings) -> list[Finding]:
    """Hold the rules against the settings."""
    return of_settings(rules(), settings.model_dump(mode="json"), ground(settings))


def of_plan(pulumi: Pulumi, stack: str, settings: Settings) -> list[Finding]:
    """Hold the rules against what the program would make. Raises ProblemError when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events")
        pack, config = pack_arguments(stack, settings)
        code, progress = pulumi.run("preview", pack, config, say=lambda _: None, keep=events)
        seen = of_preview(json.loads(line) for line in events.read_text().splitlines() if line)
    if code and not progress.violations:
        raise ProblemError(_no_preview(stack, code, progress.errors))
    return of_resources(Gate.PACK, rules(), seen, ground(settings))


def of_record(pulumi: Pulumi, settings: Settings) -> list[Finding]:
    """Hold the rules against the recorded state, in which all is known but secrets."""
    told = pulumi.ask("stack", "export")
    if told.returncode:
        raise ProblemError(_no_state(pulumi.stack, told.stderr))
    return of_resources(Gate.STATE, rules(), of_state(json.loads(told.stdout)), ground(settings))


def of_cluster(server: ApiServer, settings: Settings) -> tuple[list[Finding], Ground]:
    """Hold the rules against the objects of a cluster; return what they go by there as well."""
    listed = {(version, kind): server.every(version, kind) for version, kind in KINDS}
    objects: list[Mapping[str, Any]] = [
        # An object of a list does not say what it is.
        {"apiVersion": version, "kind": kind, **thing}
        for (version, kind), things in listed.items()
        for thing in things
    ]
    at = _there(listed, settings)
    return of_resources(Gate.LIVE, rules(), of_objects(own(objects)), at), at


def of_scanners(server: ApiServer) -> list[Scan]:
    """Return what scanners left in a cluster; versions that are not served have nothing."""
    return of_reports(report for kind in REPORTS for report in server.every(*kind))


def of_twins(server: ApiServer, settings: Settings) -> list[Finding]:
    """Look whether the rules that are held at admission stand there as they were written."""

    def find(version: str, kind: str, name: str) -> Mapping[str, Any] | None:
        try:
            return server.find(version, kind, name)
        except RefusedError as error:
            if error.status == GONE:
                return None
            raise

    return standing(rules(), find, ground(settings))


def _there(
    listed: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]], settings: Settings
) -> Ground:
    namespaces = [
        thing["metadata"]["name"]
        for thing in listed["v1", "Namespace"]
        if TENANT in (thing["metadata"].get("labels") or {})
    ]
    queues: dict[str, set[str]] = {}
    for queue in listed["kueue.x-k8s.io/v1beta2", "LocalQueue"]:
        place = queue["metadata"]
        queues.setdefault(place["namespace"], set()).add(place["name"])
    found = ground(settings, namespaces)
    return replace(
        found, queues={namespace: frozenset(names) for namespace, names in queues.items()}
    )


def kind_of(type_: str) -> str:
    """Return the kind of a type token, for people: `Deployment`, `aws:eks/cluster:Cluster`."""
    return type_.rpartition(":")[2] if type_.startswith(KUBERNETES) else type_


def _no_preview(stack: str, code: int, errors: Sequence[str]) -> Problem:
    return Problem(
        "CNAI-CHECK-001",
        f"the program of stack `{stack}` cannot be previewed",
        errors[0] if errors else f"`pulumi preview` ended with {code}",
        f"mend the cause: cnai explain {stack}; or check other gates: --gate settings --gate state",
        exit_code=1,
    )


def _no_state(stack: str, said: str) -> Problem:
    return Problem(
        NO_STATE,
        f"stack `{stack}` has no state that could be checked",
        " ".join(said.split())[-300:],
        f"bring it up: cnai up {stack}; or check what it would be: --gate settings --gate pack",
        exit_code=1,
    )
