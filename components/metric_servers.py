"""Prometheus and Alertmanager as objects of the operator that runs them. Pure."""

from __future__ import annotations

from components.addon import Context, Manifest
from components.labels import ADDON, TENANT, managed
from components.monitors import ACCOUNT, API
from components.pods import pod_security, resources
from components.quantities import amount

PROMETHEUS = "prometheus"
ALERTMANAGER = "alertmanager"
ENFORCED = ("podmonitors", "probes", "prometheusrules", "scrapeconfigs", "servicemonitors")
"""Kinds that are held to their namespace."""


def prometheus(ctx: Context, *, name: str, namespace: str, user: int) -> Manifest:
    """Return Prometheus: monitors are read where no team may write them, rules everywhere.

    A rule sees the series of its own namespace alone, and what it records or raises carries that
    namespace; only what lies beside Prometheus is about all of them.
    """
    image = ctx.image(PROMETHEUS)
    own = {"matchExpressions": [{"key": TENANT, "operator": "DoesNotExist"}]}
    everywhere: Manifest = {"ruleSelector": {}, "ruleNamespaceSelector": {}}
    for kind in ("podMonitor", "probe", "scrapeConfig", "serviceMonitor"):
        everywhere |= {f"{kind}Selector": {}, f"{kind}NamespaceSelector": own}
    return {
        "apiVersion": f"{API}/v1",
        "kind": "Prometheus",
        "metadata": {"name": name, "namespace": namespace, "labels": managed(PROMETHEUS)},
        "spec": {
            **everywhere,
            "enforcedNamespaceLabel": "namespace",
            "excludedFromEnforcement": [
                {"group": API, "resource": kind, "namespace": namespace} for kind in ENFORCED
            ],
            "image": image,
            "version": image.rsplit(":v", 1)[1],
            "replicas": ctx.facts.replicas,
            "serviceAccountName": PROMETHEUS,
            "podMetadata": {"labels": {ADDON: PROMETHEUS}},
            "securityContext": pod_security(user),
            "resources": resources("50m", "256Mi", "1Gi"),
            "retention": ctx.settings.retention,
            "retentionSize": retention_size(ctx.settings.storage),
            "serviceDiscoveryRole": "EndpointSlice",
            "scrapeInterval": ctx.settings.interval,
            "evaluationInterval": ctx.settings.interval,
            # Traces and pushed metrics come from the collector.
            "enableRemoteWriteReceiver": True,
            "enableFeatures": ["exemplar-storage"],
            "enableOTLPReceiver": True,
            "scrapeClasses": [
                {
                    "name": ACCOUNT,
                    "tlsConfig": {"insecureSkipVerify": True},
                    "authorization": {
                        "credentialsFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"
                    },
                }
            ],
            "alerting": {
                "alertmanagers": [{"namespace": namespace, "name": ALERTMANAGER, "port": "http"}]
            },
            **_volume(ctx, ctx.settings.storage),
        },
    }


def retention_size(storage: str) -> str:
    """Return what series may take of a volume: the rest is for what is being written."""
    return f"{int(amount(storage) * 4 / 5 / 2**20)}MB"


def _volume(ctx: Context, size: str) -> Manifest:
    """Return the claim of a StatefulSet; it goes with its owner."""
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": ctx.facts.storage_class,
        "resources": {"requests": {"storage": size}},
    }
    return {
        "storage": {"volumeClaimTemplate": {"spec": claim}},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
    }


def alertmanager(ctx: Context, *, name: str, namespace: str, user: int) -> Manifest:
    """Return Alertmanager; what it keeps are silences, which a restart may forget.

    A team's own routes get the alerts of its namespace alone, after the platform has got them.
    """
    image = ctx.image(ALERTMANAGER)
    return {
        "apiVersion": f"{API}/v1",
        "kind": "Alertmanager",
        "metadata": {"name": name, "namespace": namespace, "labels": managed(ALERTMANAGER)},
        "spec": {
            "image": image,
            "version": image.rsplit(":v", 1)[1],
            "replicas": ctx.facts.replicas,
            "configSecret": ALERTMANAGER,
            "alertmanagerConfigSelector": {},
            "alertmanagerConfigNamespaceSelector": {
                "matchExpressions": [{"key": TENANT, "operator": "Exists"}]
            },
            "alertmanagerConfigMatcherStrategy": {"type": "OnNamespace"},
            "automountServiceAccountToken": False,
            "podMetadata": {"labels": {ADDON: PROMETHEUS}},
            "securityContext": pod_security(user),
            "resources": resources("10m", "32Mi", "128Mi"),
        },
    }
