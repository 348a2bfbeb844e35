"""KEDA: replicas by any metric (Prometheus, queues, cron), down to none where nothing is asked."""

from __future__ import annotations

from pathlib import Path

import yaml

from addons import script
from components.access import account, allow, bound, cluster_role, role
from components.addon import Addon, AddonSettings, Context, Manifest
from components.certificates import certificate, injected, service_names
from components.labels import managed, selector
from components.pods import container_security, resources
from components.probes import Probe, available, condition, established
from components.scrapes import Scrape
from components.team import WRITE, Share, Team
from components.workloads import Server, mounts, variables

NAME = "keda"
OPERATOR = "keda-operator"
ADAPTER = "keda-metrics-apiserver"
SECRET = "kedaorg-certs"
API_SERVICE = "v1beta1.external.metrics.k8s.io"
KINDS = ("scaledobjects", "scaledjobs", "triggerauthentications", "clustertriggerauthentications")
PROOF = "proof"
USER = 65532
METRICS = 8080
GRPC = 9666
HTTPS = 6443


class KedaSettings(AddonSettings):
    """``secrets``: whether triggers of any namespace may name Secrets; KEDA then reads them all."""

    secrets: bool = False


def crds(ctx: Context) -> list[Path]:
    """Return KEDA's kinds."""
    return sorted((ctx.module(NAME) / "config" / "crd" / "bases").glob("*.yaml"))


def operator(ctx: Context) -> Server:
    """Return the operator: it asks the triggers, makes autoscalers and scales from and to none."""
    # The certificate comes from the cluster's authority.
    args = ["--leader-elect", "--zap-log-level=info", "--enable-cert-rotation=false"]
    return _server(
        OPERATOR,
        image=ctx.image(NAME),
        args=args,
        port=GRPC,
        check={"port": 8081},
        env={"KEDA_RESTRICT_SECRET_ACCESS": str(not ctx.settings.secrets).lower()},
    )


def adapter(ctx: Context) -> Server:
    """Return what the autoscalers of Kubernetes ask for external metrics."""
    args = [
        f"--secure-port={HTTPS}",
        "--zap-log-level=error",
        "--client-ca-file=/certs/ca.crt",
        "--tls-cert-file=/certs/tls.crt",
        "--tls-private-key-file=/certs/tls.key",
        "--cert-dir=/certs",
    ]
    check = {"scheme": "HTTPS", "port": HTTPS}
    return _server(ADAPTER, image=ctx.image(ADAPTER), args=args, port=HTTPS, check=check, env={})


def _server(
    name: str, *, image: str, args: list[str], port: int, check: Manifest, env: dict[str, str]
) -> Server:
    namespace = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    return Server(
        name=name,
        addon=NAME,
        namespace=NAME,
        user=USER,
        account=name,
        volumes={"certs": {"secret": {"secretName": SECRET}}},
        container={
            "image": image,
            "args": args,
            "env": [
                {"name": "POD_NAMESPACE", "valueFrom": namespace},
                *variables({"WATCH_NAMESPACE": "", **env}),
            ],
            "ports": [{"containerPort": METRICS}, {"containerPort": port}],
            "readinessProbe": {"httpGet": {"path": "/readyz", **check}, "periodSeconds": 3},
            "livenessProbe": {
                "httpGet": {"path": "/healthz", **check},
                "periodSeconds": 30,
                "initialDelaySeconds": 30,
            },
            "securityContext": container_security(),
            "resources": resources("20m", "64Mi", "512Mi"),
            "volumeMounts": mounts(certs="/certs"),
        },
    )


def access(ctx: Context) -> list[Manifest]:
    """Return what both may do: the operator scales, the adapter asks who may ask it."""
    watch = ["get", "list", "watch"]
    scaling = yaml.safe_load(script(NAME, "access.yaml"))
    if ctx.settings.secrets:
        scaling = [*scaling, allow("", ["secrets"], watch)]
    own = [
        allow("", ["secrets"], watch),
        allow("coordination.k8s.io", ["leases"], [*watch, "create", "update", "patch"]),
    ]
    asked = [allow("keda.sh", ["scaledobjects"], watch)]
    return [
        account(OPERATOR, NAME),
        *cluster_role(OPERATOR, NAME, scaling),
        *role(OPERATOR, NAME, own),
        account(ADAPTER, NAME),
        *cluster_role(ADAPTER, NAME, asked),
        # What every extension of the API server is given, by roles of Kubernetes itself.
        _given("ClusterRole", "system:auth-delegator"),
        _given("Role", "extension-apiserver-authentication-reader", "kube-system"),
    ]


def _given(kind: str, name: str, namespace: str | None = None) -> Manifest:
    metadata = _metadata(f"cnai-{ADAPTER}-{name.removeprefix('system:')}", namespace)
    return bound(kind, name, metadata, ADAPTER, NAME)


def _metadata(name: str, namespace: str | None = None) -> Manifest:
    place = {"namespace": namespace} if namespace else {}
    return {"name": name, **place, "labels": managed(NAME)}


def api_service() -> Manifest:
    """Return the entry by which the API server asks the adapter for ``external.metrics.k8s.io``."""
    group, version = "external.metrics.k8s.io", "v1beta1"
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {**_metadata(API_SERVICE), "annotations": injected(NAME, NAME)},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": ADAPTER, "namespace": NAME, "port": 443},
        },
    }


def workloads(ctx: Context) -> list[Manifest]:
    """Return both servers, their certificate, and what they may do."""
    manager, metrics = operator(ctx), adapter(ctx)
    names = [*service_names(OPERATOR, NAME), *service_names(ADAPTER, NAME)]
    return [
        # Each is a server to the other's client.
        certificate(
            NAME, NAME, secret=SECRET, dnsNames=names, usages=["server auth", "client auth"]
        ),
        *access(ctx),
        manager.deployment(),
        manager.service([{"name": "metricsservice", "port": GRPC}]),
        metrics.deployment(),
        metrics.service([{"name": "https", "port": 443, "targetPort": HTTPS}]),
        api_service(),
    ]


def trigger(ctx: Context) -> Manifest:
    """Return a trigger whose metric is two: by Prometheus where it is, else by counting pods."""
    if address := ctx.addresses.get("prometheus"):
        asked = {"serverAddress": address, "query": "vector(2)", "threshold": "1"}
        return {"type": "prometheus", "metadata": asked}
    pods = f"app.kubernetes.io/name in ({OPERATOR},{ADAPTER})"
    return {"type": "kubernetes-workload", "metadata": {"podSelector": pods, "value": "1"}}


def scaled(ctx: Context) -> list[Manifest]:
    """Return a workload that sleeps, and the order to scale it from one replica to two."""
    sleeper = Server(
        name=PROOF,
        addon=NAME,
        namespace=NAME,
        user=USER,
        container={
            "image": ctx.image("curl"),
            "command": ["sh", "-c", "trap exit TERM; sleep infinity & wait"],
            "securityContext": container_security(),
            "resources": resources("1m", "4Mi", "16Mi"),
        },
    )
    # The second pod of a StatefulSet has a name that a probe can ask for. How many there are is not
    # said here: that is KEDA's to say.
    workload = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": sleeper.metadata,
        "spec": {
            "serviceName": PROOF,
            "selector": {"matchLabels": sleeper.selector},
            "template": sleeper.template(),
        },
    }
    order = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": sleeper.metadata,
        "spec": {
            "scaleTargetRef": {"kind": "StatefulSet", "name": PROOF},
            "pollingInterval": 10,
            "minReplicaCount": 1,
            "maxReplicaCount": 2,
            "triggers": [trigger(ctx)],
        },
    }
    return [workload, order]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that kinds are served, that both run and that Kubernetes finds external metrics."""
    return (
        *(established(f"{kind}.keda.sh") for kind in KINDS),
        available("Deployment", NAME, OPERATOR),
        available("Deployment", NAME, ADAPTER),
        condition("apiregistration.k8s.io/v1", "APIService", API_SERVICE, "Available"),
    )


def proof(_: Context) -> tuple[Probe, ...]:
    """Claim that a metric is read, and that the workload has got its second pod by it."""
    return (
        condition("keda.sh/v1alpha1", "ScaledObject", PROOF, "Ready", namespace=NAME),
        condition("v1", "Pod", f"{PROOF}-1", "Ready", namespace=NAME),
    )


def per_team(_ctx: Context, _team: Team) -> Share:
    """Let members say what their workloads are scaled by."""
    kinds = ["scaledobjects", "scaledjobs", "triggerauthentications"]
    return Share(rules=[allow("keda.sh", kinds, WRITE)])


ADDON = Addon(
    name=NAME,
    title="Replicas by any metric, down to none",
    namespace=NAME,
    requires=("certificates",),
    after=("prometheus",),
    images=(NAME, ADAPTER, "curl"),
    settings=KedaSettings,
    crds=crds,
    workloads=workloads,
    ready=ready,
    per_team=per_team,
    resources=scaled,
    proof=proof,
    scrapes=tuple(
        Scrape(name=name, namespace=NAME, labels=selector(NAME, name), port=METRICS)
        for name in (OPERATOR, ADAPTER)
    ),
)
