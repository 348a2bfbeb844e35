"""KServe: registered models behind HTTP, each as one InferenceService, by plain Deployments."""

from __future__ import annotations

import json
from typing import Any

import yaml

from addons import script
from components.access import allow
from components.addon import Addon, Context, Manifest
from components.labels import managed
from components.pods import container_security, resources
from components.probes import Probe, accepted, available, completes, established
from components.scrapes import Scrape
from components.team import WRITE, Share, Team

NAME = "kserve"
CONTROLLER = "kserve-controller-manager"
MANIFESTS = "charts/kserve-resources/files/kserve/resources.yaml"
LEFT_OUT = (
    # The proxy before the controller's metrics, and a Secret that nothing reads.
    "kserve-proxy-role",
    "kserve-proxy-rolebinding",
    "kserve-controller-manager-metrics-service",
    "kserve-controller-manager-service",
    "kserve-webhook-server-secret",
)
KINDS = (
    "clusterstoragecontainer/serving.kserve.io_clusterstoragecontainers.yaml",
    "serving.kserve.io_clusterservingruntimes.yaml",
    "serving.kserve.io_inferencegraphs.yaml",
    "serving.kserve.io_inferenceservices.yaml",
    "serving.kserve.io_servingruntimes.yaml",
    "serving.kserve.io_trainedmodels.yaml",
)
METRICS = 8080


def configuration(ctx: Context) -> Manifest:
    """Return what the controller reads: plain Deployments, small pods, no ingress of its own."""
    small = {"cpuRequest": "20m", "cpuLimit": "1", "memoryRequest": "64Mi", "memoryLimit": "512Mi"}
    # The sidecar that logs and batches requests is upstream's image; no pod gets it unasked.
    agent = {"image": ctx.image("kserve-router").replace("/router:", "/agent:"), **small}
    parts: dict[str, Any] = {
        "deploy": {"defaultDeploymentMode": "Standard"},
        "ingress": {
            "disableIngressCreation": True,
            "enableGatewayApi": False,
            "disableIstioVirtualHost": True,
            "ingressGateway": "none/none",  # asked for, and of no use without ingress
            # The address that a status shows is that of the predictor's Service.
            "domainTemplate": "{{ .Name }}-predictor.{{ .Namespace }}.{{ .IngressDomain }}",
            "ingressDomain": "svc.cluster.local",
            "urlScheme": "http",
        },
        "storageInitializer": {"image": ctx.image("storage-initializer"), **small},
        "router": {
            "image": ctx.image("kserve-router"),
            "imagePullPolicy": "IfNotPresent",
            "headers": {"propagate": ["Traceparent", "Tracestate", "Baggage", "Authorization"]},
            **small,
        },
        "agent": agent,
        "logger": agent,
        "batcher": agent,
        "credentials": {
            "s3": {
                "s3AccessKeyIDName": "AWS_ACCESS_KEY_ID",
                "s3SecretAccessKeyName": "AWS_SECRET_ACCESS_KEY",
            }
        },
        "security": {"autoMountServiceAccountToken": False},
        "inferenceService": {"resource": {"cpuRequest": "50m", "memoryRequest": "256Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "inferenceservice-config",
            "namespace": NAME,
            "labels": managed(NAME),
        },
        "data": {key: json.dumps(value, indent=2) for key, value in parts.items()},
    }


def controller(ctx: Context, upstream: Manifest) -> Manifest:
    """Return upstream's Deployment without the proxy before its metrics."""
    spec = upstream["spec"]["template"]["spec"]
    (manager,) = [c for c in spec["containers"] if c["name"] == "manager"]
    # One alone has nobody to lead, and no lease to lose on a busy machine.
    several = ctx.facts.replicas > 1
    manager |= {
        "image": ctx.image("kserve-controller"),
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--metrics-addr=:{METRICS}", *(["--leader-elect"] if several else [])],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8081}, "periodSeconds": 3},
        "resources": resources("20m", "64Mi", "512Mi"),
    }
    manager["ports"].append({"name": "metrics", "containerPort": METRICS})
    spec["containers"] = [manager]
    upstream["spec"] |= {
        "replicas": ctx.facts.replicas,
        # The old one goes first: without a lease two at once would both act.
        "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
    }
    return upstream


def workloads(ctx: Context) -> list[Manifest]:
    """Return upstream's own objects, as they lie in its module, and the configuration."""
    issuer = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": "selfsigned-issuer", "namespace": NAME},
        "spec": {"selfSigned": {}},
    }
    found: list[Manifest] = [issuer, configuration(ctx)]
    upstream = (ctx.module(NAME) / MANIFESTS).read_text()
    for manifest in yaml.safe_load_all(f"{upstream}\n---\n{script(NAME, 'routers.yaml')}"):
        if manifest["metadata"]["name"] in LEFT_OUT:
            continue
        manifest["metadata"].pop("creationTimestamp", None)
        manifest["metadata"]["labels"] = {
            **manifest["metadata"].get("labels", {}),
            **managed(NAME, CONTROLLER),
        }
        found.append(controller(ctx, manifest) if manifest["kind"] == "Deployment" else manifest)
    return found


def storage(ctx: Context) -> Manifest:
    """Return who fetches models before a server starts, under the restricted standard."""
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ClusterStorageContainer",
        "metadata": {"name": "default", "labels": managed(NAME)},
        "spec": {
            "container": {
                "name": "storage-initializer",
                "image": ctx.image("storage-initializer"),
                "imagePullPolicy": "IfNotPresent",
                "resources": resources("20m", "64Mi", "512Mi"),
                "securityContext": {
                    **container_security(),
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            },
            "supportedUriFormats": [{"prefix": "s3://"}, {"regex": "https?://(.+)/(.+)"}],
            "supportsMultiModelDownload": True,
        },
    }


def graph() -> Manifest:
    """Return an InferenceGraph of one step; its router is ready whether or not the step answers."""
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "InferenceGraph",
        "metadata": {"name": "proof", "namespace": NAME},
        "spec": {
            "nodes": {
                "root": {
                    "routerType": "Sequence",
                    "steps": [{"name": "one", "serviceUrl": f"http://{CONTROLLER}.{NAME}.svc"}],
                }
            }
        },
    }


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the kinds are served and that the webhooks answer with a certificate."""
    return (
        established("inferenceservices.serving.kserve.io"),
        established("inferencegraphs.serving.kserve.io"),
        available("Deployment", NAME, CONTROLLER),
        accepted("the webhooks of KServe answer", graph()),
    )


def proof(_: Context) -> tuple[Probe, ...]:
    """Claim that an InferenceGraph becomes a router that is ready."""
    return (completes("an InferenceGraph is ready", graph(), type_="Ready"),)


def per_team(_ctx: Context, _team: Team) -> Share:
    """Let members serve models."""
    return Share(
        rules=[allow("serving.kserve.io", ["inferenceservices", "inferencegraphs"], WRITE)]
    )


ADDON = Addon(
    name=NAME,
    title="Models behind HTTP, as InferenceServices and InferenceGraphs",
    namespace=NAME,
    requires=("certificates",),
    images=("kserve-controller", "kserve-router", "storage-initializer"),
    crds=lambda ctx: [ctx.module(NAME) / "config/crd/full" / file for file in KINDS],
    workloads=workloads,
    ready=ready,
    per_team=per_team,
    resources=lambda ctx: [storage(ctx)],
    proof=proof,
    scrapes=(
        Scrape(
            name=NAME,
            namespace=NAME,
            labels={"control-plane": CONTROLLER},
            port=METRICS,
        ),
    ),
)
