"""Cluster metrics: what Kubernetes knows of its objects, and what nodes know of themselves."""

from __future__ import annotations

from typing import Any

from addons import script
from components.access import account, allow, cluster_role
from components.addon import Addon, Context, Manifest
from components.labels import DEVICE, POOL, TENANT, selector
from components.pods import container_security, resources, versioned
from components.probes import Probe, answers, available, metric
from components.scrapes import Scrape
from components.workloads import Server, mounts

NAME = "cluster-metrics"
STATE = "kube-state-metrics"
NODES = "node-exporter"
STATE_PORT = 8080
NODES_PORT = 9100
USER = 65534
KINDS = "custom-resources.yaml"
READ = ("list", "watch")
# Kinds by their group: what rules and dashboards ask for, and no Secret among it.
OBJECTS: dict[str, tuple[str, ...]] = {
    "": (
        *("namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods"),
        *("resourcequotas", "services"),
    ),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    # Not CronJobs: it ends at the first whose time zone is unknown, and the image has none.
    "batch": ("jobs",),
    "policy": ("poddisruptionbudgets",),
}
CUSTOM: dict[str, tuple[str, ...]] = {
    "kueue.x-k8s.io": ("workloads",),
    "trainer.kubeflow.org": ("trainjobs",),
    "serving.kserve.io": ("inferenceservices",),
}
LABELS = {
    "namespaces": (TENANT, "cnai.dev/addon"),
    "nodes": (POOL, DEVICE, "node.kubernetes.io/instance-type"),
    "pods": ("jobset.sigs.k8s.io/jobset-name", "serving.kserve.io/inferenceservice"),
}
"""Labels of objects that become labels of metrics; each costs a series an object."""
COLLECTORS = (
    *("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "pressure", "stat", "time", "uname"),
    "vmstat",
)


def state(ctx: Context) -> Server:
    """Return kube-state-metrics: one process, which listens to what the API server tells."""
    kinds = [kind for group in OBJECTS.values() for kind in group]
    labels = ",".join(f"{kind}=[{','.join(names)}]" for kind, names in LABELS.items())
    return Server(
        name=STATE,
        addon=NAME,
        namespace=NAME,
        user=USER,
        account=STATE,
        annotations=versioned(script(NAME, KINDS)),
        volumes={"configuration": {"configMap": {"name": STATE}}},
        container={
            "image": ctx.image(STATE),
            "args": [
                f"--port={STATE_PORT}",
                "--telemetry-port=8081",
                f"--resources={','.join(kinds)}",
                f"--metric-labels-allowlist={labels}",
                f"--custom-resource-state-config-file=/etc/cnai/{KINDS}",
            ],
            "ports": [{"name": "metrics", "containerPort": STATE_PORT}],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8081}},
            "securityContext": container_security(),
            "resources": resources("10m", "48Mi", "512Mi"),
            "volumeMounts": mounts(configuration="/etc/cnai"),
        },
    )


def exporter(ctx: Context) -> Manifest:
    """Return node-exporter on every real node; it reads the node's files and writes none."""
    unreal = {"key": DEVICE, "operator": "NotIn", "values": ["simulated"]}
    taints = [
        {"key": taint["key"], "operator": "Exists"}
        for pool in ctx.facts.pools
        if pool.device != "simulated"
        for taint in pool.taints
    ]
    server = Server(
        name=NODES,
        addon=NAME,
        namespace=NAME,
        user=USER,
        volumes={"root": {"hostPath": {"path": "/"}}},
        container={
            "image": ctx.image(NODES),
            "args": [
                f"--web.listen-address=:{NODES_PORT}",
                "--path.rootfs=/host",
                "--path.procfs=/host/proc",
                "--path.sysfs=/host/sys",
                "--collector.disable-defaults",
                *[f"--collector.{name}" for name in COLLECTORS],
                "--collector.filesystem.fs-types-exclude=^(tmpfs|overlay|proc|sysfs|cgroup2?|bpf"
                "|devpts|mqueue|nsfs|securityfs|tracefs|debugfs|autofs|fusectl|pstore|ramfs)$",
                "--collector.filesystem.mount-points-exclude="
                "^/(dev|proc|run|sys|var/lib/(kubelet|containerd)/.+)($|/)",
            ],
            "ports": [{"name": "metrics", "containerPort": NODES_PORT}],
            "readinessProbe": {"httpGet": {"path": "/", "port": "metrics"}},
            "securityContext": container_security(),
            "resources": resources("5m", "24Mi", "96Mi"),
            "volumeMounts": [
                {
                    "name": "root",
                    "mountPath": "/host",
                    "readOnly": True,
                    "mountPropagation": "HostToContainer",
                }
            ],
        },
    )
    template = server.template()
    terms = [{"matchExpressions": [unreal]}]
    template["spec"]["affinity"] = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }
    }
    if taints:
        template["spec"]["tolerations"] = taints
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": server.metadata,
        "spec": {"selector": {"matchLabels": server.selector}, "template": template},
    }


def workloads(ctx: Context) -> list[Manifest]:
    """Return both exporters and what the first may read."""
    served = state(ctx)
    rules: list[dict[str, Any]] = [
        *[allow(group, kinds, READ) for group, kinds in {**OBJECTS, **CUSTOM}.items()],
        # Kinds that come and go with their addons are found by themselves.
        allow("apiextensions.k8s.io", ["customresourcedefinitions"], READ),
    ]
    return [
        account(STATE, NAME),
        *cluster_role(STATE, NAME, rules),
        served.config({KINDS: script(NAME, KINDS)}),
        served.service([{"name": "metrics", "port": STATE_PORT}]),
        served.deployment(),
        exporter(ctx),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that both exporters answer."""
    return (
        available("Deployment", NAME, STATE),
        available("DaemonSet", NAME, NODES),
        answers(NAME, STATE, STATE_PORT, "/metrics", contains="kube_node_info"),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that what they tell of nodes came to Prometheus, where there is one."""
    if "prometheus" not in ctx.addresses:
        return (
            answers(
                *(NAME, STATE, STATE_PORT, "/metrics"),
                contains=f'kube_namespace_status_phase{{namespace="{NAME}",phase="Active"}} 1',
            ),
        )
    return (
        metric("the state of nodes is in Prometheus", "kube_node_info"),
        metric("the memory of nodes is in Prometheus", "node_memory_MemAvailable_bytes"),
    )


def _scrape(name: str, port: int, *, cluster_wide: bool) -> Scrape:
    labels = selector(NAME, name)
    return Scrape(name=name, namespace=NAME, labels=labels, port=port, cluster_wide=cluster_wide)


ADDON = Addon(
    name=NAME,
    title="The state of Kubernetes' objects and of nodes, as metrics",
    namespace=NAME,
    after=("prometheus",),
    # The root file system of a node can be read by nothing less.
    privileged=True,
    images=(STATE, NODES),
    workloads=workloads,
    ready=ready,
    proof=proof,
    scrapes=(
        _scrape(STATE, STATE_PORT, cluster_wide=True),
        _scrape(NODES, NODES_PORT, cluster_wide=False),
    ),
)
