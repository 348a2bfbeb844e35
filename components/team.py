"""A team that works on a shared cluster: what it is given, and what it is kept from. Pure.

Namespaces are soft tenancy: teams share nodes, a kernel and an API server. Who cannot accept that
takes a stack of its own (docs/concepts/teams.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.access import allow
from components.labels import TENANT
from components.probes import Probe

Manifest = dict[str, Any]
MEMBER = "member"
"""Name of the Role of members, of its binding and of the account that their kubeconfigs name."""
DNS = {"kubernetes.io/metadata.name": "kube-system"}
READ = ("get", "list", "watch")
WRITE = (*READ, "create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a team may spend in a calendar month; ``stops`` ends admission when it is spent."""

    amount: float
    currency: str = "USD"
    stops: bool = False


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team: one namespace of its name.

    ``quota`` maps the name of a pool to what the team's queue is guaranteed on it, by resource, as
    Kubernetes quantities; a team without any works on what the platform's own queue has.
    ``borrowing`` and ``lending`` limit what it takes of others and gives to them, in percent of
    that; ``weight`` is its part of what several want to borrow. ``ceiling`` is what its namespace
    may ask for at once, by resource, whatever a queue says. ``members`` are names of users, or of
    groups after ``group:``, as the cluster's authentication gives them. A ``tenant`` has a stack of
    its own and trusts no other; without it the team belongs to the platform.
    """

    name: str
    quota: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    borrowing: int | None = None
    lending: int | None = None
    weight: int = 1
    ceiling: Mapping[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    tenant: bool = False
    budget: Budget | None = None

    @property
    def namespace(self) -> str:
        """Namespace that the team works in."""
        return self.name


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one addon does for one team, in the steps of an addon.

    ``beneath`` are objects of the cluster that hold what runs in the team's namespace: they are
    made before it and go after it.

    ``rules`` are what members may do with the addon's kinds, ``ways`` those between the team's pods
    and the addon's. ``removal`` are Jobs that take away what the team leaves in servers that it
    shares, ``archive`` maps the name of a file to the Job whose log is its text: a JSON object a
    line, and last ``{"count": N}``, which tells a whole text from a part. Both read Secrets of the
    addon's own namespace alone, which are there without the team.
    """

    beneath: Sequence[Manifest] = ()
    workloads: Sequence[Manifest] = ()
    ready: Sequence[Probe] = ()
    resources: Sequence[Manifest] = ()
    proof: Sequence[Probe] = ()
    rules: Sequence[Manifest] = ()
    ways: Sequence[Way] = ()
    removal: Sequence[Manifest] = ()
    archive: Mapping[str, Manifest] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way between the team's pods and pods of another namespace, by numbers of TCP ports.

    It leads there, or, with ``inwards``, from there to the team. Without ports all are meant.
    """

    namespace: str
    ports: tuple[int, ...] = ()
    pods: Mapping[str, str] = field(default_factory=dict)
    inwards: bool = False


def labels(team: Team) -> dict[str, str]:
    """Return the labels of the team's namespace."""
    return {TENANT: team.name}


def fence(team: Team, ways: Mapping[str, Sequence[Way]]) -> list[Manifest]:
    """Return the network policies of a team: nothing but itself, names, and the ways of addons.

    ``ways`` maps the name of an addon to the ways that it opens.
    """
    inside: list[Manifest] = [{"podSelector": {}}]
    names = [
        {
            "namespaceSelector": {"matchLabels": DNS},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ]
    ask = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    made = [
        _policy(team, "nothing", {"policyTypes": ["Ingress", "Egress"]}),
        _policy(
            team,
            "itself",
            {
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": inside}],
                "egress": [{"to": inside}, {"to": names, "ports": ask}],
            },
        ),
    ]
    for addon, opened in ways.items():
        out = [_rule("to", way) for way in opened if not way.inwards]
        into = [_rule("from", way) for way in opened if way.inwards]
        types = ["Ingress"] * bool(into) + ["Egress"] * bool(out)
        spec: Manifest = {"policyTypes": types}
        if into:
            spec["ingress"] = into
        if out:
            spec["egress"] = out
        if types:
            made.append(_policy(team, addon, spec))
    return made


def _rule(side: str, way: Way) -> Manifest:
    peer: Manifest = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": way.namespace}}
    }
    if way.pods:
        peer["podSelector"] = {"matchLabels": dict(way.pods)}
    ports = [{"port": port, "protocol": "TCP"} for port in way.ports]
    return {side: [peer], **({"ports": ports} if ports else {})}


def _policy(team: Team, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": team.namespace, "labels": labels(team)},
        "spec": {"podSelector": {}, **spec},
    }


def limits(team: Team, claims: Mapping[str, str] = {}) -> list[Manifest]:
    """Return what the namespace may hold in all, and what a pod gets that says nothing.

    The queue decides within it: this holds also for a pod that comes past the queue. ``claims``
    maps a resource to the DeviceClass by which its devices are claimed.
    """
    asked = {f"requests.{name}": amount for name, amount in team.ceiling.items()}
    asked |= {
        f"{claims[name]}.deviceclass.resource.k8s.io/devices": amount
        for name, amount in team.ceiling.items()
        if name in claims
    }
    metadata = {"name": "team", "namespace": team.namespace, "labels": labels(team)}
    return [
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata,
            "spec": {
                "hard": {
                    **asked,
                    # What would be reachable from outside goes through the platform.
                    "services.nodeports": "0",
                    "services.loadbalancers": "0",
                    "pods": "500",
                }
            },
        },
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": metadata,
            "spec": {
                "limits": [
                    {
                        "type": "Container",
                        "defaultRequest": {"cpu": "50m", "memory": "128Mi"},
                        "default": {"memory": "512Mi"},
                    }
                ]
            },
        },
        # Every namespace has this account by itself; nothing is granted to it: it needs no token.
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {**metadata, "name": "default"},
            "automountServiceAccountToken": False,
        },
    ]


OWN = (
    allow("", ["pods", "services", "configmaps", "secrets", "persistentvolumeclaims"], WRITE),
    allow("", ["pods/exec", "pods/portforward", "pods/attach"], ["create", "get"]),
    allow("", ["pods/log", "events", "resourcequotas", "limitranges", "serviceaccounts"], READ),
    allow("apps", ["deployments", "statefulsets", "replicasets"], WRITE),
    allow("apps", ["deployments/scale", "statefulsets/scale"], ["get", "update", "patch"]),
    allow("batch", ["jobs", "cronjobs"], WRITE),
    allow("autoscaling", ["horizontalpodautoscalers"], WRITE),
    allow("networking.k8s.io", ["networkpolicies"], READ),
    allow("resource.k8s.io", ["resourceclaims", "resourceclaimtemplates"], WRITE),
)
"""What members may do in their namespace. Quotas, policies, roles and queues they can only see."""


def members(team: Team, rules: Sequence[Manifest]) -> list[Manifest]:
    """Return the Role of members, who has it, and the account that a member's kubeconfig names."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": MEMBER, "namespace": team.namespace, "labels": labels(team)}
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata,
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [*OWN, *rules],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": MEMBER},
            "subjects": [
                {"kind": "ServiceAccount", "name": MEMBER, "namespace": team.namespace},
                *(_subject(group, name) for name in team.members),
            ],
        },
    ]


def _subject(group: str, name: str) -> Manifest:
    kind, said = ("Group", name[6:]) if name.startswith("group:") else ("User", name)
    return {"apiGroup": group, "kind": kind, "name": said}
