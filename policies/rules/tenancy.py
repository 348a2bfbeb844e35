"""Rules on the walls around a team's namespace.

That a namespace does not lose the label that makes it a team's is for admission alone to hold: a
program that takes it away is one in which the namespace is no team's any more. So is who may take
away what holds for all: a program does not say who runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.labels import TENANT
from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import NAMESPACE, Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at
from policies.verdict import PASS, Verdict

POLICY = "NetworkPolicy"
NSA = Framework("NSA/CISA Kubernetes Hardening Guidance", "1.2", "authentication and authorization")
WALLS = ("ResourceQuota", "LimitRange", "LocalQueue", POLICY)


def walled(resources: Sequence[Resource], ground: Ground) -> Mapping[str, Verdict]:
    """Judge each team's namespace by what there is in it; other namespaces are none of it."""
    found = {}
    for space in resources:
        if space.type == NAMESPACE and (whose := _whose(space, ground)):
            name = space.namespace
            if name is None:
                found[space.name] = Verdict.of([], ["the name of the namespace is not known yet"])
            elif whose is UNKNOWN:
                found[name] = Verdict.of([], [f"whether {name} is a team's is not known yet"])
            else:
                found[name] = _walls(name, [r for r in resources if r.kind in WALLS], ground)
    return found


def _whose(space: Resource, ground: Ground) -> Any:
    """Say whether a namespace is a team's: something true, UNKNOWN, or nothing."""
    if space.namespace in ground.tenants:
        return True
    return UNKNOWN if space.props.get("metadata") is UNKNOWN else space.label(TENANT)


def _walls(name: str, resources: Sequence[Resource], ground: Ground) -> Verdict:
    failures, undecided = [], []
    for what, holds in _wanted(ground):
        answers = [_both(_inside(r, name), holds(r)) for r in resources]
        if True in answers:
            continue
        if UNKNOWN in answers:
            undecided.append(f"whether namespace {name} has {what} is not known yet")
        else:
            failures.append(f"namespace {name} has no {what.removeprefix('a ')}")
    return Verdict.of(failures, undecided)


def _wanted(ground: Ground) -> Iterator[tuple[str, Callable[[Resource], Any]]]:
    """Yield what a namespace needs, and what tells whether an object is that."""
    yield "a ResourceQuota", lambda r: _says(r, "ResourceQuota", "hard")
    yield "a LimitRange", lambda r: _says(r, "LimitRange", "limits")
    if ground.queued:
        yield "a LocalQueue", lambda r: _says(r, "LocalQueue", "clusterQueue")
    yield "a NetworkPolicy that denies by default what comes in", lambda r: _denies(r, "Ingress")
    yield "a NetworkPolicy that denies by default what goes out", lambda r: _denies(r, "Egress")


def _inside(resource: Resource, name: str) -> Any:
    said = at(resource.props, "metadata", "namespace")
    return UNKNOWN if said is UNKNOWN else said == name


def _says(resource: Resource, kind: str, part: str) -> Any:
    """Say whether an object is of the kind and its specification says something for the part."""
    if resource.kind != kind:
        return False
    said = at(resource.props, "spec", part)
    return UNKNOWN if said is UNKNOWN else bool(said)


def _denies(resource: Resource, direction: str) -> Any:
    """Say whether a policy holds for all pods in a direction, and does not open it to all."""
    spec = resource.props.get("spec")
    if resource.kind != POLICY or not isinstance(spec, Mapping):
        return UNKNOWN if resource.kind == POLICY and spec is UNKNOWN else False
    rules, types = spec.get(direction.lower()), spec.get("policyTypes")
    if types is None:
        # What is not said: what comes in always, what goes out where there are rules for it.
        types = ["Ingress", *(["Egress"] if rules else [])]
    listed = types if isinstance(types, list) else [types]
    held = direction in listed or (UNKNOWN if UNKNOWN in listed else False)
    # A rule without anything in it lets everything through.
    ways = rules if isinstance(rules, list) else [rules]
    closed = _both(*(UNKNOWN if way is UNKNOWN else way != {} for way in ways))
    return _both(held, closed, _everyone(spec.get("podSelector")))


def _everyone(selector: Any) -> Any:
    """Say whether a selector selects everything: one that says nothing does."""
    if not isinstance(selector, Mapping):
        return UNKNOWN if selector is UNKNOWN else selector is None
    parts = [selector.get(key) for key in ("matchLabels", "matchExpressions")]
    return _both(*(UNKNOWN if part is UNKNOWN else not part for part in parts))


def _both(*answers: Any) -> Any:
    """Say whether all of them hold: one that does not decides, however little else is known."""
    if False in answers:
        return False
    return UNKNOWN if UNKNOWN in answers else True


def labelled(resource: Resource, _: Ground) -> Verdict:
    """Fail for a team's namespace that does not say whose it is."""
    whose = resource.label(TENANT)
    if whose is UNKNOWN:
        return Verdict.of([], [f"metadata.labels['{TENANT}'] is not known yet"])
    if not whose:
        return Verdict.fail(f"metadata.labels['{TENANT}'] does not say whose namespace it is")
    return PASS


RULES = (
    Rule(
        id="CNAI-TEN-001",
        title="A team's namespace has a quota, limits, a queue and a network that denies",
        severity=Severity.HIGH,
        # What is in a namespace whose name is not known yet would otherwise not be seen.
        scope=Scope.CLUSTER,
        types=(
            NAMESPACE,
            "kubernetes:core/v1:ResourceQuota",
            "kubernetes:core/v1:LimitRange",
            "kubernetes:kueue.x-k8s.io/*:LocalQueue",
            "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        ),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.3.2 network policies"),
            Framework("CIS Amazon EKS Benchmark", "1.8", "4.3.2 network policies"),
            Framework(
                "NSA/CISA Kubernetes Hardening Guidance", "1.2", "network separation, quotas"
            ),
        ),
        rationale=(
            "Teams share nodes and an API server: what is not fenced in reaches the others, and"
            " what is not limited takes from them."
        ),
        remedy=(
            "Give the namespace a ResourceQuota, a LimitRange, a LocalQueue, and a NetworkPolicy"
            " of all pods for Ingress and Egress without rules; open ways by further policies."
        ),
        relation=walled,
    ),
    Rule(
        id="CNAI-TEN-002",
        title="A team's namespace says whose it is",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=(NAMESPACE,),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.2.1 policy control in place"),
        ),
        rationale="Guards, queues and quotas hold where the label is, and nowhere else.",
        remedy=f"Set the label {TENANT} to the team.",
        check=labelled,
    ),
    Rule(
        id="CNAI-TEN-009",
        title="The platform alone changes whose a namespace is",
        severity=Severity.CRITICAL,
        scope=Scope.CLUSTER,
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.2.1 policy control in place"),
            NSA,
        ),
        rationale=(
            "Guards, queues and what a team may read go by the label: who takes it away is held by"
            " none of them, and who writes another team into it has what is that team's."
        ),
        remedy=f"Leave the label {TENANT} as it is; teams come and go by the platform's settings.",
    ),
    Rule(
        id="CNAI-TEN-010",
        title="The platform alone changes or takes away what holds for all teams",
        severity=Severity.CRITICAL,
        scope=Scope.CLUSTER,
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.1.12 webhook configurations"),
            NSA,
        ),
        rationale=(
            "With a namespace of the platform, a kind, a webhook configuration or a guard goes what"
            " the work of every team depends on, whoever meant to tidy up."
        ),
        remedy=(
            "Leave namespaces, kinds, webhook configurations and guards to the platform's program,"
            " and change them there."
        ),
    ),
)
