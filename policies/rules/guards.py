"""Rules on what decides at admission and in queues: who may change it, and webhooks.

That platform namespaces, kinds and webhook configurations are not taken away is for admission to
hold; here is that no team has a role to do so, and that a cluster comes up with what guards it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at
from policies.rules.rbac import BINDINGS, EVERYBODY, ROLES, Permission, judge, subjects
from policies.verdict import PASS, Verdict

KUEUE = "kueue.x-k8s.io"
QUEUES = frozenset(
    ("clusterqueues", "resourceflavors", "cohorts", "workloadpriorityclasses", "admissionchecks")
)
ADMISSION = "admissionregistration.k8s.io"
WRITE = frozenset(("create", "update", "patch", "delete", "deletecollection"))
LONGEST = 10
"""Seconds that the API server waits for a webhook, at the most."""
POLICIES = ("Fail", "Ignore")
NARROWING = ("namespaceSelector", "objectSelector", "matchConditions")
TYPES = tuple(
    f"kubernetes:admissionregistration.k8s.io/v1:{kind}WebhookConfiguration"
    for kind in ("Validating", "Mutating")
)


def everybodys(permission: Permission) -> str | None:
    """Find what changes what holds for all teams: queues and their quota, and admission."""
    if permission.may(WRITE):
        if permission.over(KUEUE, QUEUES):
            return "changes queues that are the platform's"
        if permission.over(ADMISSION):
            return "changes what is decided at admission"
    return None


def held_back(resources: Sequence[Resource], ground: Ground) -> Mapping[str, Verdict]:
    """Judge the roles that teams have: those of their namespaces, and those that are bound to them.

    Members are whoever a binding in a team's namespace names.
    """
    bindings = [r for r in resources if r.kind.endswith("Binding")]
    members = [
        (kind, name)
        for binding in bindings
        if binding.namespace in ground.tenants
        for _, kind, name, _space in subjects(binding)
        if kind in ("User", "Group") and isinstance(name, str)
    ]
    found = {}
    for role in resources:
        verdict = PASS if role.kind.endswith("Binding") else judge(role, everybodys)
        if verdict == PASS:
            continue
        whose = [_gives(binding, role, members, ground) for binding in bindings]
        whose.append(UNKNOWN if at(role.props, "metadata", "namespace") is UNKNOWN else False)
        if role.namespace in ground.tenants or True in whose:
            found[role.name] = verdict
        elif UNKNOWN in whose:
            doubt = f"whether a team has {role.name}, and with it what is all teams', is not known"
            found[role.name] = Verdict.of([], [doubt])
    return found


def _gives(binding: Resource, role: Resource, members: Sequence[Any], ground: Ground) -> Any:
    """Say whether a binding gives a role to a team, whomever else it gives it to."""
    kind, named = (at(binding.props, "roleRef", key) for key in ("kind", "name"))
    near = role.kind == "ClusterRole" or role.namespace == binding.namespace
    name = at(role.props, "metadata", "name")
    same, unsure = (kind, named) == (role.kind, name), UNKNOWN in (kind, named, name)
    if not near or not (same or unsure):
        return False
    answers: list[Any] = [binding.namespace in ground.tenants]
    for _, who, called, space in subjects(binding):
        if who == "ServiceAccount" and isinstance(space, str):
            answers.append(space in ground.tenants)
        elif UNKNOWN in (who, called, space):
            answers.append(UNKNOWN)
        elif isinstance(called, str):
            team = called.removeprefix("system:serviceaccounts:") in ground.tenants
            answers.append(team or (who, called) in members or called in EVERYBODY)
    if True in answers:
        return UNKNOWN if unsure else True
    return UNKNOWN if UNKNOWN in answers else False


def no_deadlock(resource: Resource, _: Ground) -> Verdict:
    """Fail for a webhook without which no pod can start, its own among them."""
    failures, undecided = [], []
    for place, hook in _webhooks(resource.props):
        if hook is UNKNOWN:
            undecided.append(f"{place} is not known yet")
            continue
        # One that says nothing fails closed.
        policy = hook.get("failurePolicy")
        closed = UNKNOWN if policy is UNKNOWN else policy != "Ignore"
        wide, narrowed = _wide(hook.get("rules")), _narrowed(hook)
        if closed is False or wide is False or narrowed is True:
            continue
        if UNKNOWN not in (closed, wide, narrowed):
            failures.append(f"{place} fails closed for pods of every namespace")
        else:
            undecided.append(f"whether {place} fails closed for all pods is not known yet")
    return Verdict.of(failures, undecided)


def plain_spoken(resource: Resource, _: Ground) -> Verdict:
    """Fail for a webhook that does not say what happens without it, or is waited for too long."""
    failures, undecided = [], []
    for place, hook in _webhooks(resource.props):
        policy, seconds = (at(hook, key) for key in ("failurePolicy", "timeoutSeconds"))
        if UNKNOWN in (policy, seconds):
            undecided.append(f"failurePolicy or timeoutSeconds of {place} is not known yet")
        if policy is not UNKNOWN and policy not in POLICIES:
            failures.append(f"{place} does not say its failurePolicy")
        if isinstance(seconds, int | float) and seconds > LONGEST:
            failures.append(f"{place} is waited for longer than {LONGEST} s")
    return Verdict.of(failures, undecided)


def _webhooks(props: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every webhook as (place, webhook), UNKNOWN where it cannot be told."""
    listed = props.get("webhooks")
    if listed is UNKNOWN:
        yield "webhooks", UNKNOWN
    for index, hook in enumerate(listed if isinstance(listed, list) else ()):
        if hook is UNKNOWN:
            yield f"webhooks[{index}]", UNKNOWN
        elif isinstance(hook, Mapping):
            name = hook.get("name")
            yield f"webhooks[{name if isinstance(name, str) else index}]", hook


def _wide(rules: Any) -> Any:
    """Say whether a webhook is asked about pods, or about everything."""
    if not isinstance(rules, list):
        return UNKNOWN if rules is UNKNOWN else False
    answers = [_asks(rule) for rule in rules]
    return True if True in answers else UNKNOWN if UNKNOWN in answers else False


def _asks(rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return UNKNOWN if rule is UNKNOWN else False
    answers = [
        _one_of(rule.get("apiGroups"), ("", "*")),
        _one_of(rule.get("resources"), ("pods", "*", "*/*")),
    ]
    return False if False in answers else UNKNOWN if UNKNOWN in answers else True


def _one_of(listed: Any, wanted: tuple[str, ...]) -> Any:
    if not isinstance(listed, list):
        return UNKNOWN if listed is UNKNOWN else False
    return True if any(w in listed for w in wanted) else UNKNOWN if UNKNOWN in listed else False


def _narrowed(hook: Mapping[str, Any]) -> Any:
    """Say whether something keeps a webhook from being asked about all of them.

    An empty selector selects everything; the API server writes one where there is none.
    """
    said = [_selects(hook.get(key)) for key in NARROWING]
    return True if True in said else UNKNOWN if UNKNOWN in said else False


def _selects(part: Any) -> Any:
    if part is UNKNOWN:
        return UNKNOWN
    inner = list(part.values()) if isinstance(part, Mapping) else part
    if not isinstance(inner, list):
        return False
    if any(value is not UNKNOWN and value for value in inner):
        return True
    return UNKNOWN if UNKNOWN in inner else False


RULES = (
    Rule(
        id="CNAI-RBAC-005",
        title="No role of a team changes queues of the platform, or what is decided at admission",
        severity=Severity.CRITICAL,
        # A role of the whole cluster is in no namespace; whose it is, its bindings say.
        scope=Scope.CLUSTER,
        types=(*ROLES, *BINDINGS),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.1.12 webhook configurations"),
            Framework("CNCF Kubernetes AI Conformance", "1.37", "gang_scheduling"),
        ),
        rationale="Who may change a quota or a guard is held by neither.",
        remedy=(
            "Leave to teams what is in their namespace, and to read queues; let the platform's"
            " program write ClusterQueues, flavors, cohorts, priorities, checks and webhooks."
        ),
        relation=held_back,
    ),
    Rule(
        id="CNAI-TEN-003",
        title="No webhook can keep every pod from starting, its own among them",
        severity=Severity.HIGH,
        scope=Scope.CLUSTER,
        types=TYPES,
        frameworks=(Framework("CNCF Kubernetes AI Conformance", "1.37", "robust_controller"),),
        rationale=(
            "When a webhook that fails closed decides on all pods and its own are gone, nothing"
            " starts any more, the webhook included."
        ),
        remedy=(
            "Let a namespaceSelector or an objectSelector leave out the namespaces that the webhook"
            " itself and the cluster need, or set failurePolicy to Ignore."
        ),
        check=no_deadlock,
    ),
    Rule(
        id="CNAI-TEN-004",
        title="A webhook says what happens without it, and is waited for ten seconds at the most",
        severity=Severity.LOW,
        scope=Scope.CLUSTER,
        types=TYPES,
        frameworks=(Framework("CNCF Kubernetes AI Conformance", "1.37", "robust_controller"),),
        rationale=(
            "Every request of its kinds waits with it; and that what says nothing refuses them all"
            " while it is away is better read than remembered."
        ),
        remedy="Set failurePolicy to Fail or Ignore, and timeoutSeconds to 10 or less.",
        check=plain_spoken,
        mandatory=False,
    ),
)
