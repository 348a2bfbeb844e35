"""Rules on what pods of teams may do: the Pod Security Standard ``restricted``.

The API server holds teams to it. These tell before it does, and whether it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.labels import TENANT
from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import NAMESPACE, Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import WHOLE, at, containers, each, pod_specs, volumes
from policies.rules.pod_security import (
    BASELINE,
    CIS,
    EKS,
    GKE,
    NSA,
    SECCOMP,
    STANDARDS,
    Found,
    no,
)
from policies.verdict import PASS, Verdict

ENFORCE = "pod-security.kubernetes.io/enforce"
VOLUMES = (
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
)


def kept(props: Mapping[str, Any]) -> Found:
    """Find containers that keep more than they need."""
    for where, pod in pod_specs(props):
        windows = at(pod, "os", "name") == "windows"
        for name, container in containers(pod):
            place = f"{where}{name}.securityContext"
            own, shared = (at(node, "securityContext") for node in (container, pod))
            if not windows:
                yield from _privileges(place, own)
                profile = _either(own, shared, "seccompProfile", "type")
                wrong = None if profile in SECCOMP else f"is neither {' nor '.join(SECCOMP)}"
                yield f"{place}.seccompProfile.type", profile, wrong
            # In a user namespace of its own, who is root in the container is nobody on the node.
            users = at(pod, "hostUsers")
            for found in () if users is False else _root(place, own, shared):
                yield (f"{where}hostUsers", UNKNOWN, None) if users is UNKNOWN else found
    for place, volume in volumes(props):
        kinds = volume if isinstance(volume, Mapping) else {}
        others = [k for k, v in kinds.items() if v is not None and k not in ("name", *VOLUMES)]
        yield place, volume, f"is of the kind {others[0]}" if others else None


def _privileges(place: str, context: Any) -> Found:
    escalation = at(context, "allowPrivilegeEscalation")
    wrong = None if escalation is False else "is not false"
    yield f"{place}.allowPrivilegeEscalation", escalation, wrong
    dropped = list(each(at(context, "capabilities", "drop")))
    if "ALL" not in dropped:
        doubt = UNKNOWN if UNKNOWN in dropped else None
        yield f"{place}.capabilities.drop", doubt, "does not name ALL"
    for name in each(at(context, "capabilities", "add")):
        wrong = None if name == "NET_BIND_SERVICE" else "names more than NET_BIND_SERVICE"
        yield f"{place}.capabilities.add", name, wrong


def _root(place: str, own: Any, shared: Any) -> Found:
    """Yield only what is wrong or not known."""
    held = _either(own, shared, "runAsNonRoot")
    if held is not True:
        yield f"{place}.runAsNonRoot", held, "is not true"
    user = _either(own, shared, "runAsUser")
    if user is UNKNOWN or (user == 0 and user is not False):
        yield f"{place}.runAsUser", user, "is root"


def _either(own: Any, shared: Any, *path: str) -> Any:
    """Return what a container says, or else what its pod says."""
    said = at(own, *path)
    return at(shared, *path) if said is None else said


def enforced(resource: Resource, ground: Ground) -> Verdict:
    """Fail for a team's namespace whose pods the API server does not hold to restricted."""
    known = resource.namespace in ground.tenants
    tenant, level = resource.label(TENANT), resource.label(ENFORCE)
    if level == "restricted" or not (known or tenant):
        return PASS
    if level is UNKNOWN:
        return Verdict.of([], [f"metadata.labels['{ENFORCE}'] is not known yet"])
    if tenant is UNKNOWN and not known:
        return Verdict.of([], ["whether the namespace is a team's is not known yet"])
    return Verdict.fail(f"metadata.labels['{ENFORCE}'] is not restricted")


RULES = (
    Rule(
        id="CNAI-POD-001",
        title="No pod of a team has a way to its node",
        severity=Severity.CRITICAL,
        scope=Scope.TEAM,
        types=("kubernetes:*",),
        frameworks=(
            Framework(STANDARDS, "1.37", "baseline"),
            Framework(CIS, "1.10", "5.2.2 to 5.2.5, 5.2.9, 5.2.11 to 5.2.13"),
            Framework(EKS, "1.8", "4.2.1 to 4.2.4"),
            Framework(GKE, "1.9", "4.2.1 baseline in all namespaces"),
            NSA,
        ),
        rationale="Teams share nodes: who has the node has the pods of every team on it.",
        remedy="Take away what the message names; there is no exception for teams.",
        check=no(*BASELINE),
    ),
    Rule(
        id="CNAI-POD-002",
        title="A team's containers give up what they do not need",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=WHOLE,
        frameworks=(
            Framework(STANDARDS, "1.37", "restricted"),
            Framework(CIS, "1.10", "5.2.6 to 5.2.8, 5.2.10, 5.7.2 seccomp, 5.7.3 contexts"),
            Framework(EKS, "1.8", "4.2.5 allowPrivilegeEscalation"),
            Framework(GKE, "1.9", "4.6.2 seccomp, 4.6.3 security contexts"),
            NSA,
        ),
        rationale="The API server starts no pod of a team that keeps it: the workload would wait.",
        remedy=(
            "Set runAsNonRoot and a seccompProfile of RuntimeDefault for the pod, and for each"
            " container allowPrivilegeEscalation: false and capabilities: {drop: [ALL]}."
        ),
        check=no(kept),
    ),
    Rule(
        id="CNAI-POD-003",
        title="The API server holds a team's pods to the standard restricted",
        severity=Severity.HIGH,
        # The label of a namespace says whose it is, also before the team is known.
        scope=Scope.CLUSTER,
        types=(NAMESPACE,),
        frameworks=(
            Framework(STANDARDS, "1.37", "restricted"),
            Framework(CIS, "1.10", "5.2.1 an active policy control mechanism"),
            Framework(GKE, "1.9", "4.2.1 baseline in all namespaces"),
        ),
        rationale="It holds whoever makes the pod, and with no pod of ours that could be down.",
        remedy=f"Set the label {ENFORCE} of the namespace to restricted.",
        check=enforced,
    ),
)
