"""Who may do what: the table that is tested, and that docs/concepts/teams.md shows.

``A`` is a team and ``B`` another, both forks of one base. Every line is tried for real: what a
member does with the kubeconfig of the team, what a pod does inside of the team's namespace.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["yes", "no"]
PODS = "/api/v1/namespaces/{}/pods"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "asked"},
    "spec": {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "main",
                "image": "registry.test/none:1",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    },
}
NAMED = {"metadata": {"name": "asked"}}


def _pod(**container: Any) -> dict[str, Any]:
    changed = json.loads(json.dumps(POD))
    changed["spec"]["containers"][0] |= container
    return dict(changed)


KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
NETWORK = "/apis/networking.k8s.io/v1"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
MONITORING = "monitoring.coreos.com/v1"
RULES = f"/apis/{MONITORING}/namespaces/{{}}/prometheusrules"
RULE = {
    "apiVersion": MONITORING,
    "kind": "PrometheusRule",
    "metadata": {"name": "asked"},
    "spec": {"groups": []},
}
GATEWAY = "gateway.networking.k8s.io/v1"
ROUTES = f"/apis/{GATEWAY}/namespaces/{{}}/httproutes"


def _route(host: str) -> dict[str, Any]:
    spec = {"parentRefs": [{"name": "cnai", "namespace": "gateway"}], "hostnames": [host]}
    return {"apiVersion": GATEWAY, "kind": "HTTPRoute", **NAMED, "spec": spec}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a member asks of the API server; ``{a}`` and ``{b}`` are the namespaces of the teams."""

    what: str
    may: Outcome
    path: str
    method: str = "GET"
    body: Any = None


MEMBER = (
    Ask(what="list the secrets of A", may="yes", path="/api/v1/namespaces/{a}/secrets"),
    Ask(what="start a pod in A", may="yes", path=PODS.format("{a}"), method="POST", body=POD),
    Ask(what="see the queue of A", may="yes", path=KUEUE + "/namespaces/{a}/localqueues/default"),
    Ask(what="see the quota of A", may="yes", path="/api/v1/namespaces/{a}/resourcequotas"),
    Ask(
        what="start a TrainJob in A",
        may="yes",
        path="/apis/trainer.kubeflow.org/v1alpha1/namespaces/{a}/trainjobs",
        method="POST",
        body={
            "apiVersion": "trainer.kubeflow.org/v1alpha1",
            "kind": "TrainJob",
            "metadata": {"name": "asked"},
            "spec": {"runtimeRef": {"name": "jax-distributed"}},
        },
    ),
    Ask(what="write a rule over A", may="yes", path=RULES.format("{a}"), method="POST", body=RULE),
    Ask(what="write a rule over B", may="no", path=RULES.format("{b}"), method="POST", body=RULE),
    Ask(
        what="write a rule of the platform",
        may="no",
        path=RULES.format("monitoring"),
        method="POST",
        body=RULE,
    ),
    Ask(
        what="route requests for a host of A",
        may="yes",
        path=ROUTES.format("{a}"),
        method="POST",
        body=_route("model.{a}.localhost"),
    ),
    Ask(
        what="route requests for a host of B",
        may="no",
        path=ROUTES.format("{a}"),
        method="POST",
        body=_route("model.{b}.localhost"),
    ),
    Ask(
        what="make a Gateway in A",
        may="no",
        path=f"/apis/{GATEWAY}/namespaces/{{a}}/gateways",
        method="POST",
        body={"apiVersion": GATEWAY, "kind": "Gateway", **NAMED},
    ),
    Ask(
        what="start a privileged pod in A",
        may="no",
        path=PODS.format("{a}"),
        method="POST",
        body=_pod(securityContext={"privileged": True}),
    ),
    Ask(
        what="start a pod in A past the queue, with more accelerators than there are",
        may="no",
        path=PODS.format("{a}"),
        method="POST",
        body=_pod(resources={"limits": {"nvidia.com/gpu": "17"}}),
    ),
    Ask(what="list the secrets of B", may="no", path="/api/v1/namespaces/{b}/secrets"),
    Ask(what="list the pods of B", may="no", path=PODS.format("{b}")),
    Ask(what="start a pod in B", may="no", path=PODS.format("{b}"), method="POST", body=POD),
    Ask(
        what="run a command in a pod of B",
        may="no",
        path=PODS.format("{b}") + "/server/exec?command=id",
        method="POST",
    ),
    Ask(
        what="get a token of an account of B",
        may="no",
        path="/api/v1/namespaces/{b}/serviceaccounts/member/token",
        method="POST",
        body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    ),
    Ask(what="list the jobs of B", may="no", path="/apis/batch/v1/namespaces/{b}/jobs"),
    Ask(what="list the secrets of all namespaces", may="no", path="/api/v1/secrets"),
    Ask(
        what="list the secrets of the platform", may="no", path="/api/v1/namespaces/mlflow/secrets"
    ),
    Ask(
        what="make a queue in A",
        may="no",
        path=KUEUE + "/namespaces/{a}/localqueues",
        method="POST",
        body={
            "apiVersion": "kueue.x-k8s.io/v1beta2",
            "kind": "LocalQueue",
            "metadata": {"name": "asked"},
            "spec": {"clusterQueue": "{b}"},
        },
    ),
    Ask(
        what="change a ClusterQueue",
        may="no",
        path=KUEUE + "/clusterqueues/{a}",
        method="PATCH",
        body={"spec": {"stopPolicy": "None"}},
    ),
    Ask(
        what="change the quota of A",
        may="no",
        path="/api/v1/namespaces/{a}/resourcequotas/team",
        method="PATCH",
        body={"spec": {"hard": {"pods": "9999"}}},
    ),
    Ask(
        what="take a network policy of A away",
        may="no",
        path=NETWORK + "/namespaces/{a}/networkpolicies/nothing",
        method="DELETE",
    ),
    Ask(
        what="give itself a role",
        may="no",
        path=ROLES + "/namespaces/{a}/rolebindings",
        method="POST",
        body={
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            **NAMED,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "admin",
            },
        },
    ),
    Ask(
        what="take the label of the tenant off",
        may="no",
        path="/api/v1/namespaces/{a}",
        method="PATCH",
        body={"metadata": {"labels": {"cnai.dev/tenant": None}}},
    ),
    Ask(
        what="make a namespace",
        may="no",
        path="/api/v1/namespaces",
        method="POST",
        body={"apiVersion": "v1", "kind": "Namespace", **NAMED},
    ),
    Ask(what="list the nodes", may="no", path="/api/v1/nodes"),
    Ask(
        what="see the admission policies",
        may="no",
        path="/apis/policies.kyverno.io/v1/validatingpolicies",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a pod of A reaches, by TCP; ``{a}`` and ``{b}`` as above."""

    what: str
    may: Outcome
    host: str
    port: int


POD_OF_A = (
    Reach(what="a server of A", may="yes", host="server.{a}.svc", port=8000),
    Reach(what="MLflow", may="yes", host="mlflow.mlflow.svc", port=5000),
    Reach(what="the Feast servers of A", may="yes", host="{a}.feast.svc", port=6566),
    Reach(
        what="the collector of traces",
        may="yes",
        host="otel-collector.opentelemetry.svc",
        port=4318,
    ),
    Reach(what="the Gateway", may="yes", host="gateway.gateway.svc", port=80),
    Reach(what="a server of B", may="no", host="server.{b}.svc", port=8000),
    Reach(what="the Feast servers of B", may="no", host="{b}.feast.svc", port=6566),
    Reach(what="PostgreSQL", may="no", host="postgresql.postgresql.svc", port=5432),
    Reach(what="Prometheus", may="no", host="prometheus.monitoring.svc", port=9090),
    Reach(what="the API server", may="no", host="kubernetes.default.svc", port=443),
)
