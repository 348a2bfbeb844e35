"""The twins of rules at admission, for whatever is written to the API server and by whomever. Pure.

A twin in ``policies/kyverno/<id>.yaml`` is a policy of Kyverno: whole, or, of one that asks for
signatures, what ``policies/signatures.py`` lays the rest of into. One in
``policies/admission/<id>.yaml`` says only what is bad, in CEL, and becomes a native policy with its
binding: the API server decides by it with no pod of ours. It says one or more of

``pod``
    of the specification of a pod, however deep in a workload it lies,
``container``
    of one container of such a pod (``pod`` is there too),
``image``
    of the name of one of its images, of volumes as well,
``server``
    of one thing in an InferenceService that may name a model or a command,
``object``
    of the object itself, ``o``,

or, alone, ``request``: of what is asked for, whatever was there before.

It may say which ``kinds`` it is about (of WORKLOADS, all of them when it says none; or other
resources, with their group and version, and the ``ways`` by which they are changed as well, such as
``status``), ``operations``, ``scope: cluster`` where it holds in all
namespaces, not in those of teams alone, and ``needs``, a part of the ground without which there is
nothing to hold it against, and no policy. ``${name}`` stands for a text of ``policies/cel.py``.

A change is refused only if it is what breaks the rule: what was there before can be tidied up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from components.labels import DOMAIN, TENANT
from policies import signatures
from policies.catalog import Rule
from policies.cel import CONTAINERS, IMAGES, PODS, SERVERS, SERVING, words
from policies.ground import Ground

Manifest = dict[str, Any]
NOWHERE = Ground()
"""What twins go by where nothing is known of an environment."""
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
    "trainjobs": ("trainer.kubeflow.org", "v1alpha1"),
}
"""Group and version of what has pods in it."""
WAYS: Mapping[str, tuple[str, ...]] = {"pods": ("ephemeralcontainers", "resize")}
"""Ways by which a workload is changed as well; who decides on it alone is not asked about them."""
PARTS: Mapping[str, str] = {
    "pod": f"{PODS}.exists(pod, %s)",
    "container": f"{PODS}.exists(pod, {CONTAINERS}.exists(container, %s))",
    "image": f"{PODS}.exists(pod, {IMAGES}.exists(image, %s))",
    "server": f"{SERVING}.exists(part, {SERVERS}.exists(server, %s))",
    "object": "(%s)",
}
"""How what is bad of a part is said of the object ``o`` that it is in."""
NAME = re.compile(r"\$\{(\w+)\}")

# Of what is new there is no object before, and of what goes away none after. Types are not looked
# at: it is about objects of many.
OBJECTS = "[dyn(object), dyn(oldObject)].filter(o, o != null)"
BROKEN_BY_THIS = "!variables.bad[0] || (size(variables.bad) == 2 && variables.bad[1])"


def manifests(rule: Rule, ground: Ground = NOWHERE) -> list[Manifest]:
    """Return what holds a rule at admission; nothing for a rule that is not held there."""
    if rule.twin is None:
        return []
    documents = [said for said in yaml.safe_load_all(rule.twin.read_text()) if said]
    if rule.twin.parent.name == "kyverno":
        return [made for said in documents for made in of_kyverno(rule, said, ground)]
    return [made for said in documents for made in native(rule, said, ground)]


def of_kyverno(rule: Rule, said: Manifest, ground: Ground) -> Iterator[Manifest]:
    """Yield a policy of Kyverno; one that asks for signatures only where someone has to sign."""
    if said["kind"] != signatures.KIND:
        yield said
    elif ground.signers:
        yield signatures.laid(rule, _through(said, ground), ground)


def _through(said: Any, ground: Ground) -> Any:
    """Return a document with the texts in it that it names."""
    if isinstance(said, Mapping):
        return {key: _through(value, ground) for key, value in said.items()}
    if isinstance(said, list):
        return [_through(value, ground) for value in said]
    return filled(said, ground) if isinstance(said, str) and NAME.search(said) else said


def native(rule: Rule, said: Mapping[str, Any], ground: Ground) -> Iterator[Manifest]:
    """Yield the native policy for what is bad, and its binding.

    Raises ValueError for a twin that says nothing, or names what is not known.
    """
    if "needs" in said and not getattr(ground, said["needs"]):
        return
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
            **_decided(rule, said, ground),
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


def _decided(rule: Rule, said: Mapping[str, Any], ground: Ground) -> Manifest:
    """Return the part of a policy by which it is decided."""
    validation = {"message": f"{rule.id}: {rule.title}. {rule.remedy}", "reason": "Forbidden"}
    known = [part for part in PARTS if said.get(part)]
    if not known and not said.get("request"):
        raise ValueError(f"the twin of {rule.id} says nothing that is bad")
    if said.get("request"):
        if known:
            raise ValueError(f"the twin of {rule.id} says what is bad of a request, and of {known}")
        return {
            "validations": [{"expression": f"!({filled(said['request'], ground)})", **validation}]
        }
    found = " || ".join(PARTS[part] % f"({filled(said[part], ground)})" for part in known)
    return {
        "variables": [
            {"name": "objects", "expression": OBJECTS},
            # Of the object as it would be, and as it is.
            {"name": "bad", "expression": f"variables.objects.map(o, {found})"},
        ],
        "validations": [{"expression": BROKEN_BY_THIS, **validation}],
    }


def filled(text: str, ground: Ground) -> str:
    """Return CEL on one line, with the texts in it that it names.

    Raises ValueError for a name that is not known.
    """
    known = words(ground)
    if missing := {name for name in NAME.findall(text) if name not in known}:
        raise ValueError(f"a twin names what there is not: {', '.join(sorted(missing))}")
    return NAME.sub(lambda found: known[found[1]], " ".join(text.split()))


def _in_teams() -> Manifest:
    return {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}


def _resources(said: Mapping[str, Any]) -> Iterator[Manifest]:
    operations = said.get("operations") or ["CREATE", "UPDATE"]
    for kind in said.get("kinds") or WORKLOADS:
        if isinstance(kind, Mapping):
            group, version, name = kind.get("group", ""), kind["version"], kind["resource"]
            ways = kind.get("ways", ())
        else:
            (group, version), name, ways = WORKLOADS[kind], kind, WAYS.get(kind, ())
        yield {
            "apiGroups": [group],
            "apiVersions": [version],
            "resources": [name, *(f"{name}/{way}" for way in ways)],
            "operations": operations,
        }
