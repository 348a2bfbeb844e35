"""The twins of rules at admission, for whatever is written to the API server and by whomever. Pure.

A twin in ``policies/kyverno/<id>.yaml`` is a whole policy of Kyverno. One in
``policies/admission/<id>.yaml`` says only what is bad, in CEL, and becomes a native policy with its
binding: the API server decides by it with no pod of ours. It says one of

``pod``
    of the specification of a pod, however deep in a workload it lies,
``container``
    of one container of such a pod (``pod`` is there too),
``object``
    of the object itself,

and may say which ``kinds`` it is about (of WORKLOADS, all of them when it says none; or other
resources, with their group and version), ``operations``, and ``scope: cluster`` where it holds in
all namespaces, not in those of teams alone.

A change is refused only if it is what breaks the rule: what was there before can be tidied up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from components.labels import DOMAIN, TENANT
from policies.catalog import Rule

Manifest = dict[str, Any]
API = "admissionregistration.k8s.io/v1"
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
RULE = f"{DOMAIN}/rule"
"""Label that names the rule of a guard."""
WORKLOADS: Mapping[str, tuple[str, str]] = {
    "pods": ("", "v1"),
    "replicationcontrollers": ("", "v1"),
    "deployments": ("apps", "v1"),
    "statefulsets": ("apps", "v1"),
    "daemonsets": ("apps", "v1"),
    "replicasets": ("apps", "v1"),
    "jobs": ("batch", "v1"),
    "cronjobs": ("batch", "v1"),
    "jobsets": ("jobset.x-k8s.io", "v1alpha2"),
}
"""Group and version of what has pods in it."""
PODS = (
    "variables.objects.map(o,"
    " o.kind == 'Pod' ? [o.spec] :"
    " o.kind == 'CronJob' ? [o.spec.jobTemplate.spec.template.spec] :"
    " o.kind == 'JobSet' ? o.spec.replicatedJobs.map(r, r.template.spec.template.spec) :"
    " [o.spec.template.spec])"
)
CONTAINERS = (
    "(pod.?containers.orValue([]) + pod.?initContainers.orValue([])"
    " + pod.?ephemeralContainers.orValue([]))"
)

BROKEN_BY_THIS = "!variables.bad[0] || (size(variables.bad) == 2 && variables.bad[1])"


def manifests(rule: Rule) -> list[Manifest]:
    """Return what holds a rule at admission; nothing for a rule that is not held there."""
    if rule.twin is None:
        return []
    documents = [said for said in yaml.safe_load_all(rule.twin.read_text()) if said]
    if rule.twin.parent.name == "kyverno":
        return documents
    return [made for said in documents for made in native(rule, said)]


def native(rule: Rule, said: Mapping[str, Any]) -> Iterator[Manifest]:
    """Yield the native policy for what is bad, and its binding.

    Raises ValueError for a twin that does not say exactly one of pod, container and object.
    """
    name, labels = f"{rule.id.lower()}.{DOMAIN}", {RULE: rule.id}
    where = {} if said.get("scope") == "cluster" else {"namespaceSelector": _in_teams()}
    yield {
        "apiVersion": API,
        "kind": POLICY,
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {f"{DOMAIN}/title": rule.title},
        },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": list(_resources(said)), **where},
            "variables": [
                {
                    "name": "objects",
                    "expression": "oldObject == null ? [object] : [object, oldObject]",
                },
                {"name": "pods", "expression": PODS},
                {"name": "bad", "expression": bad(said)},
            ],
            "validations": [
                {
                    "expression": BROKEN_BY_THIS,
                    "message": f"{rule.id}: {rule.title}. {rule.remedy}",
                    "reason": "Forbidden",
                }
            ],
        },
    }
    yield {
        "apiVersion": API,
        "kind": BINDING,
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            **({"matchResources": where} if where else {}),
        },
    }


def bad(said: Mapping[str, Any]) -> str:
    """Return the expression that says, of the object as it would be and as it is: is it bad."""
    known = [part for part in ("pod", "container", "object") if said.get(part)]
    if len(known) != 1:
        raise ValueError(f"a twin says one of pod, container and object; this one: {known}")
    what = " ".join(str(said[known[0]]).split())
    if known == ["object"]:
        return f"variables.objects.map(o, {what})"
    if known == ["container"]:
        what = f"{CONTAINERS}.exists(container, {what})"
    return f"variables.pods.map(pods, pods.exists(pod, {what}))"


def _in_teams() -> Manifest:
    return {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}


def _resources(said: Mapping[str, Any]) -> Iterator[Manifest]:
    operations = said.get("operations") or ["CREATE", "UPDATE"]
    for kind in said.get("kinds") or WORKLOADS:
        if isinstance(kind, Mapping):
            yield {
                "apiGroups": [kind.get("group", "")],
                "apiVersions": [kind["version"]],
                "resources": [kind["resource"]],
                "operations": operations,
            }
        else:
            group, version = WORKLOADS[kind]
            yield {
                "apiGroups": [group],
                "apiVersions": [version],
                "resources": [kind],
                "operations": operations,
            }
