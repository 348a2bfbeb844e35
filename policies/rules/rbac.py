"""Rules on who may do what through the API server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at
from policies.verdict import PASS, Verdict

GROUP = "rbac.authorization.k8s.io"
ROLES = tuple(f"kubernetes:{GROUP}/v1:{kind}" for kind in ("Role", "ClusterRole"))
BINDINGS = tuple(f"kubernetes:{GROUP}/v1:{kind}" for kind in ("RoleBinding", "ClusterRoleBinding"))
OWNER, MASTERS = "cluster-admin", "system:masters"
STRANGERS = ("system:anonymous", "system:unauthenticated")
EVERYBODY = (*STRANGERS, "system:authenticated", "system:serviceaccounts")
GKE = "CIS Google Kubernetes Engine Benchmark"
READ = frozenset(("get", "list", "watch"))
# What Kubernetes and its clouds' own controllers are given when a cluster comes up.
_OWN_NAMES = (OWNER, "admin", "edit", "view")
_OWN_BEGINNINGS = ("system:", "kubeadm:", "eks:", "gce:")


@dataclass(frozen=True)
class Permission:
    """One rule of a role: verbs on resources of API groups; ``named`` are the only objects."""

    groups: frozenset[str]
    resources: frozenset[str]
    verbs: frozenset[str]
    named: bool

    def may(self, verbs: frozenset[str]) -> bool:
        """Say whether it allows one of the verbs."""
        return bool(self.verbs & (verbs | {"*"}))

    def over(self, group: str, resources: frozenset[str] = frozenset()) -> bool:
        """Say whether it is about one of the resources of a group; about any without them."""
        kinds = {kind for name in self.resources if (kind := name.partition("/")[0]) != "*"}
        every = bool(self.resources & {"*", "*/*"})
        return bool(self.groups & {group, "*"}) and (
            every or bool(kinds & resources if resources else kinds)
        )


Fault = Callable[[Permission], str | None]
"""What is wrong with a permission, as the end of a sentence."""


def judge(resource: Resource, fault: Fault) -> Verdict:
    """Judge a role rule by rule; what is not known may be anything."""
    failures, undecided = [], []
    listed = resource.props.get("rules")
    if listed is UNKNOWN:
        undecided.append("rules is not known yet")
    for index, rule in enumerate(listed if isinstance(listed, list) else ()):
        place = f"rules[{index}]"
        if rule is UNKNOWN:
            undecided.append(f"{place} is not known yet")
        elif isinstance(rule, Mapping):
            if found := fault(_permission(rule)):
                failures.append(f"{place} {found}")
            elif found := fault(_permission(rule, at_worst=True)):
                undecided.append(f"whether {place} {found} is not known yet")
    return Verdict.of(failures, undecided)


def _permission(rule: Mapping[str, Any], *, at_worst: bool = False) -> Permission:
    """Read a rule; ``at_worst`` takes what is not known for everything, else for nothing."""

    def told(key: str) -> frozenset[str]:
        listed = rule.get(key)
        inner = listed if isinstance(listed, list) else [listed]
        known = {value for value in inner if isinstance(value, str)}
        return frozenset(known | ({"*"} if at_worst and UNKNOWN in inner else set()))

    names = rule.get("resourceNames")
    named = not at_worst if names is UNKNOWN else isinstance(names, list) and bool(names)
    return Permission(told("apiGroups"), told("resources"), told("verbs"), named)


def _given(resource: Resource) -> bool:
    """Say whether a cluster has an object by itself. What a program makes is never that."""
    name = resource.metadata.get("name")
    return (
        resource.protect is None
        and resource.namespace in (None, "kube-system", "kube-public")
        and isinstance(name, str)
        and (name in _OWN_NAMES or name.startswith(_OWN_BEGINNINGS))
    )


def _of_roles(fault: Fault) -> Callable[[Resource, Ground], Verdict]:
    """Return the check of roles for a fault; roles that a cluster has by itself are passed."""

    def check(resource: Resource, _: Ground) -> Verdict:
        return PASS if _given(resource) else judge(resource, fault)

    return check


def wildcard(permission: Permission) -> str | None:
    """Find a wildcard."""
    parts = {
        "apiGroups": permission.groups,
        "resources": permission.resources,
        "verbs": permission.verbs,
    }
    open_ = [key for key, said in parts.items() if any("*" in value for value in said)]
    return f"has a wildcard in {' and '.join(open_)}" if open_ else None


def wide_wildcard(permission: Permission) -> str | None:
    """Find a wildcard, but for a subresource of any kind: what scales needs ``*/scale``."""
    kinds = permission.resources
    if all(kind.startswith("*/") and kind != "*/*" for kind in kinds):
        return wildcard(Permission(frozenset(), frozenset(), permission.verbs, permission.named))
    return wildcard(permission)


def escalation(permission: Permission) -> str | None:
    """Find what lets somebody become more than they are."""
    if said := permission.verbs & {"bind", "escalate", "impersonate"}:
        return f"allows to {' and to '.join(sorted(said))}"
    if "*" in permission.verbs:
        if permission.over(GROUP, frozenset(("roles", "clusterroles"))):
            return "allows every verb on roles, to bind and to escalate among them"
        if permission.over("", frozenset(("users", "groups", "serviceaccounts"))):
            return "allows every verb on accounts, to impersonate among them"
    return None


def secrets(permission: Permission) -> str | None:
    """Find what reads Secrets that it does not name."""
    reads = permission.may(READ) and permission.over("", frozenset(("secrets",)))
    return "reads every Secret" if reads and not permission.named else None


def subjects(binding: Resource) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield (place, kind, name, namespace) of each subject, UNKNOWN where it cannot be told."""
    listed = binding.props.get("subjects")
    for index, one in enumerate(listed if isinstance(listed, list) else [listed]):
        if one is UNKNOWN:
            yield f"subjects[{index}]", UNKNOWN, UNKNOWN, UNKNOWN
        elif isinstance(one, Mapping):
            yield f"subjects[{index}]", one.get("kind"), one.get("name"), one.get("namespace")


def nobody_owns(binding: Resource, ground: Ground) -> Verdict:
    """Fail for a binding to cluster-admin, to the group that no role binds, or to everybody."""
    if _given(binding):
        return PASS
    # In a namespace of the platform, what whoever may log in has is another rule's (CNAI-RBAC-008).
    inner = binding.kind == "RoleBinding" and binding.namespace not in ground.tenants
    all_of_them = STRANGERS if inner else EVERYBODY
    hidden = inner and at(binding.props, "metadata", "namespace") is UNKNOWN
    failures, undecided = [], []
    role = at(binding.props, "roleRef", "name")
    if role == OWNER:
        failures.append(f"roleRef is {OWNER}, which may do everything")
    elif role is UNKNOWN:
        undecided.append("roleRef is not known yet")
    for place, kind, name, _namespace in subjects(binding):
        if UNKNOWN in (kind, name) or (hidden and name in EVERYBODY):
            undecided.append(f"whether {place} is everybody is not known yet")
        elif name == MASTERS:
            failures.append(f"{place} is {MASTERS}, whom no role holds back")
        elif name in all_of_them and kind != "ServiceAccount":
            failures.append(f"{place} is {name}: everybody, or every pod")
    return Verdict.of(failures, undecided)


def somebody(binding: Resource, _: Ground) -> Verdict:
    """Fail for a binding to whoever may log in, in a namespace of the platform."""
    if _given(binding):
        return PASS
    failures, undecided = [], []
    for place, kind, name, _namespace in subjects(binding):
        if UNKNOWN in (kind, name):
            undecided.append(f"whether {place} is everybody is not known yet")
        elif name in EVERYBODY and kind != "ServiceAccount":
            failures.append(f"{place} is {name}: whoever may log in, or every pod")
    return Verdict.of(failures, undecided)


def no_default_account(binding: Resource, _: Ground) -> Verdict:
    """Fail for a binding to a ServiceAccount that pods have which name none."""
    if _given(binding):
        return PASS
    failures, undecided = [], []
    for place, kind, name, _namespace in subjects(binding):
        if (kind, name) == ("ServiceAccount", "default"):
            failures.append(f"{place} is the ServiceAccount default")
        elif UNKNOWN in (kind, name) and kind in (UNKNOWN, "ServiceAccount"):
            undecided.append(f"{place} is not known yet")
    return Verdict.of(failures, undecided)


def _cis(control: str) -> tuple[Framework, ...]:
    return (Framework("CIS Kubernetes Benchmark", "1.10", control),)


RULES = (
    Rule(
        id="CNAI-RBAC-001",
        title="No role in a team's namespace has a wildcard",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=ROLES[:1],
        frameworks=_cis("5.1.3 wildcards in roles"),
        rationale="A wildcard also allows what is installed only tomorrow.",
        remedy="Name the API groups, the resources and the verbs that are needed.",
        check=_of_roles(wildcard),
    ),
    Rule(
        id="CNAI-RBAC-002",
        title="A role of the platform names what it allows",
        severity=Severity.LOW,
        scope=Scope.PLATFORM,
        types=ROLES,
        frameworks=_cis("5.1.3 wildcards in roles"),
        rationale="Whoever takes over a controller has what its role allows, in every namespace.",
        remedy=(
            "Name the API groups, the resources and the verbs that are needed; only a subresource"
            " of any kind, such as */scale, cannot be named otherwise."
        ),
        check=_of_roles(wide_wildcard),
        mandatory=False,
    ),
    Rule(
        id="CNAI-RBAC-003",
        title="No role allows to bind, to escalate or to impersonate",
        severity=Severity.CRITICAL,
        scope=Scope.CLUSTER,
        types=ROLES,
        frameworks=_cis("5.1.8 bind, impersonate and escalate"),
        rationale="Each of the three is a way to whatever anybody may do.",
        remedy="Take the verb out, and let the platform's own program make roles and bindings.",
        check=_of_roles(escalation),
    ),
    Rule(
        id="CNAI-RBAC-004",
        title="No binding is to cluster-admin, to its group or to everybody",
        severity=Severity.CRITICAL,
        scope=Scope.CLUSTER,
        types=BINDINGS,
        frameworks=(
            *_cis("5.1.1 cluster-admin"),
            *_cis("5.1.7 system:masters"),
            Framework(GKE, "1.9", "4.1.8 to 4.1.10 bindings to everybody"),
        ),
        rationale="What may do everything, or what everybody may do, no other rule holds back.",
        remedy="Bind a role with what is needed to a ServiceAccount, a user or a group by name.",
        check=nobody_owns,
    ),
    Rule(
        id="CNAI-RBAC-006",
        title="No role of the whole cluster reads every Secret",
        severity=Severity.LOW,
        scope=Scope.CLUSTER,
        types=ROLES[1:],
        frameworks=_cis("5.1.2 access to secrets"),
        rationale="Whoever takes over a controller that reads every Secret has those of all teams.",
        remedy=(
            "Give a Role in each namespace whose Secrets are needed, or name them by resourceNames."
        ),
        check=_of_roles(secrets),
        mandatory=False,
    ),
    Rule(
        id="CNAI-RBAC-007",
        title="No role is bound to a namespace's default ServiceAccount",
        severity=Severity.MEDIUM,
        scope=Scope.CLUSTER,
        types=BINDINGS,
        frameworks=_cis("5.1.5 default service accounts"),
        rationale="Every pod has it that names none: whoever may start a pod has the role as well.",
        remedy="Make a ServiceAccount for what needs the role, and name it in its pods.",
        check=no_default_account,
    ),
    Rule(
        id="CNAI-RBAC-008",
        title="No role in a namespace of the platform is everybody's",
        severity=Severity.LOW,
        scope=Scope.PLATFORM,
        types=BINDINGS[:1],
        frameworks=(Framework(GKE, "1.9", "4.1.8 to 4.1.10 bindings to everybody"),),
        rationale="What one public object needs, a role that grows later gives away as well.",
        remedy="Bind the role to those who need it, or see that it names each object by itself.",
        check=somebody,
        mandatory=False,
    ),
)
