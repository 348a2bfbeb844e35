"""Rules on who pods are: to the API server, and to a cloud."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import WHOLE, at, each, hidden, pod_specs
from policies.verdict import PASS, Verdict

DEFAULT = "default"
"""The account that pods have which name none."""
ACCOUNTS = ("ServiceAccount", "ServiceAccountPatch")
ACCOUNT_TYPES = tuple(f"kubernetes:core/v1:{kind}" for kind in ACCOUNTS)
SERVICE = "kubernetes:serving.kserve.io/*:InferenceService"
SERVED_BY = ("predictor", "transformer", "explainer")
MIRROR = "kubernetes.io/config.mirror"
"""Annotation of the image of a pod that a kubelet runs by itself: it never has a token."""
CLOUD = (
    "eks.amazonaws.com/role-arn",
    "iam.gke.io/gcp-service-account",
    "azure.workload.identity/client-id",
)
"""Annotations by which an account of the cluster is one of a cloud as well."""
POD_IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
# How Google's IAM names the account `default` of a namespace.
MEMBER = re.compile(r"serviceAccount:.*\.svc\.id\.goog\[.*/default\]|principal://.*/sa/default")


def no_idle_token(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Judge each namespace by its pods under the account ``default``.

    What a pod says goes before what the account says.
    """
    accounts: dict[str, list[Any]] = {}
    for resource in resources:
        if resource.kind in ACCOUNTS and resource.metadata.get("name") == DEFAULT:
            said = resource.props.get("automountServiceAccountToken")
            accounts.setdefault(_space(resource), []).append(said)
    failures: dict[str, list[str]] = {}
    doubts: dict[str, list[str]] = {}
    for resource in resources:
        if resource.kind in ACCOUNTS or resource.annotation(MIRROR) is not None:
            continue
        space, shown = _space(resource), f"{resource.kind} {resource.name}"
        wrong = failures.setdefault(space, [])
        unknown = doubts.setdefault(space, [])
        unknown += [f"{shown}: {place} is not known yet" for place in hidden(resource.props)]
        for place, pod in _pods(resource):
            held = _holds(pod, accounts.get(space, []))
            if held is UNKNOWN:
                unknown.append(f"{shown}: who {place} runs as is not known yet")
            elif held:
                wrong.append(f"{shown}: {place} has the token of the account `default`")
    return {space: Verdict.of(failures[space], doubts[space]) for space in failures}


def _space(resource: Resource) -> str:
    return resource.namespace or DEFAULT


def _pods(resource: Resource) -> Iterator[tuple[str, Any]]:
    if resource.kind != "InferenceService":
        yield from ((place.rstrip("."), pod) for place, pod in pod_specs(resource.props))
        return
    # The runtime gives the containers, and the service says who they run as.
    for part in SERVED_BY:
        pod = at(resource.props, "spec", part)
        if pod is not None:
            yield f"spec.{part}", pod


def _holds(pod: Any, accounts: Sequence[Any]) -> Any:
    """Say whether a pod runs as the account ``default`` and has its token.

    ``accounts`` are what the account says of its token, as often as it is there.
    """
    named = [at(pod, key) for key in ("serviceAccountName", "serviceAccount")]
    token = at(pod, "automountServiceAccountToken")
    if any(isinstance(name, str) and name not in ("", DEFAULT) for name in named):
        return False
    if token is None:
        token = next((said for said in (False, UNKNOWN) if said in accounts), None)
    if token is False:
        return False
    return UNKNOWN if UNKNOWN in (*named, token) else True


def nobody_by_default(resource: Resource, _: Ground) -> Verdict:
    """Fail where a cloud knows the account ``default`` of a namespace."""
    props = resource.props
    if resource.kind in ACCOUNTS:
        name = at(props, "metadata", "name")
        given = [at(props, "metadata", "annotations", key) for key in CLOUD]
        known = any(value and value is not UNKNOWN for value in given)
        return _verdict(name == DEFAULT and known, any(given) and name in (DEFAULT, UNKNOWN))
    if resource.type == POD_IDENTITY:
        name = props.get("serviceAccount")
        return _verdict(name == DEFAULT, name is UNKNOWN)
    members = [props.get("member"), *each(props.get("members"))]
    found = any(isinstance(m, str) and MEMBER.fullmatch(m) for m in members)
    return _verdict(found, UNKNOWN in members)


def _verdict(found: bool, unknown: bool) -> Verdict:
    if found:
        return Verdict.fail("the account `default` of a namespace has an identity in a cloud")
    doubt = "whether the account `default` gets an identity in a cloud is not known yet"
    return Verdict.of([], [doubt]) if unknown else PASS


RULES = (
    Rule(
        id="CNAI-POD-008",
        title="Pods that name no account carry no token for the API server",
        severity=Severity.MEDIUM,
        scope=Scope.CLUSTER,
        types=(*WHOLE, SERVICE, *ACCOUNT_TYPES),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.1.5 default accounts, 5.1.6 tokens"),
            Framework("CIS Amazon EKS Benchmark", "1.8", "4.1.5 default accounts, 4.1.6 tokens"),
            Framework(
                "CIS Google Kubernetes Engine Benchmark",
                "1.9",
                "4.1.4 default accounts, 4.1.5 tokens",
            ),
            Framework(
                "NSA/CISA Kubernetes Hardening Guidance", "1.2", "pod service account tokens"
            ),
        ),
        rationale="Who breaks into a pod has its token, and whatever is granted to it later.",
        remedy=(
            "Set automountServiceAccountToken: false for the pod or for the account `default`,"
            " and name an account of its own for what speaks to the API server."
        ),
        relation=no_idle_token,
    ),
    Rule(
        id="CNAI-POD-009",
        title="No account that pods have by default is known to a cloud",
        severity=Severity.HIGH,
        scope=Scope.CLUSTER,
        types=(*ACCOUNT_TYPES, POD_IDENTITY, "gcp:*IAMMember", "gcp:*IAMBinding"),
        frameworks=(
            Framework("CIS Amazon EKS Benchmark", "1.8", "5.2.1 dedicated service accounts"),
            Framework("CIS Google Kubernetes Engine Benchmark", "1.9", "5.2.2 dedicated accounts"),
        ),
        rationale="Every pod of the namespace that names no account would have its rights.",
        remedy="Give the identity to an account of its own, and name that in pods that need it.",
        check=nobody_by_default,
    ),
)
