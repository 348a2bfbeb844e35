"""What Prometheus collects, as objects of its operator: addons, teams' pods, nodes, the API. Pure.

Whoever may write such an object can have the collector's token sent to an address of his, so
Prometheus reads them from its own namespace alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.labels import DEVICE, METRICS, METRICS_PATH, managed
from components.scrapes import Scrape

Manifest = dict[str, Any]
API = "monitoring.coreos.com"
ACCOUNT = "account"
"""Scrape class of what wants to know who asks: TLS and the collector's own token."""
TEAMS = "teams"
MOST_SAMPLES = 20000
"""Series of one pod of a team: what it says is not ours, and must not fill the memory."""

# Histograms of the libraries that controllers are made of: many series, and nothing asks for them.
LIBRARY = (
    "(apiserver_.*|authenticat.*|certwatcher_.*|controller_runtime_.*|rest_client_.*"
    "|workqueue_.*|go_gc_.*|go_sched_.*)_bucket"
)
CADVISOR = (
    "container_(cpu_usage_seconds_total|cpu_cfs_throttled_periods_total|cpu_cfs_periods_total"
    "|memory_working_set_bytes|memory_rss|oom_events_total|fs_usage_bytes"
    "|network_(receive|transmit)_bytes_total)|machine_(cpu_cores|memory_bytes)"
)
SUMS = "container_(cpu|memory|fs|oom)_.*;"
KUBELET = (
    "kubelet_(volume_stats_.*|running_(pods|containers)|node_name|server_expiration_renew_errors"
    "|certificate_manager_.*_seconds)|dra_.*|process_(resident_memory_bytes|cpu_seconds_total)"
)
API_SERVER = (
    "apiserver_(request_total|current_inflight_requests|storage_objects|resource_objects"
    "|admission_webhook_rejection_count|admission_webhook_fail_open_count)"
    "|process_(resident_memory_bytes|cpu_seconds_total)"
)


def meta(part: str, kind: str, name: str) -> str:
    """Return the label that discovery gives for a label or annotation of a pod or node."""
    word = "".join(c if c.isalnum() else "_" for c in name)
    return f"__meta_kubernetes_{part}_{kind}_{word}"


def _keep(source: Sequence[str], regex: str) -> Manifest:
    return {"action": "keep", "sourceLabels": list(source), "regex": regex}


def _drop(source: Sequence[str], regex: str) -> Manifest:
    return {"action": "drop", "sourceLabels": list(source), "regex": regex}


def _set(target: str, value: str) -> Manifest:
    return {"action": "replace", "targetLabel": target, "replacement": value}


def _copy(source: str, target: str, regex: str = "(.+)") -> Manifest:
    return {
        "action": "replace",
        "sourceLabels": [source],
        "regex": regex,
        "targetLabel": target,
    }


def _monitor(namespace: str, name: str, spec: Manifest, endpoint: Manifest) -> Manifest:
    return {
        "apiVersion": f"{API}/v1",
        "kind": "PodMonitor",
        "metadata": {"name": name, "namespace": namespace, "labels": managed("prometheus", name)},
        "spec": {
            # Only the pods that are meant are listed: a cluster may have ten thousand others.
            "selectorMechanism": "RoleSelector",
            **spec,
            "podMetricsEndpoints": [endpoint],
        },
    }


# What a target is called where nothing else tells its series from those of another.
_TEAM = [
    _copy(meta("pod", "label", "serving.kserve.io/inferenceservice"), "model"),
    _copy(meta("pod", "label", "jobset.sigs.k8s.io/jobset-name"), "trainjob"),
]
# An object that is made anew goes on under its name. With the id of each, what a Prometheus that
# was killed did not see end would be a second series for five minutes: no query could join on it.
_ONE_SERIES_A_NAME = {"action": "labeldrop", "regex": "uid"}
_ENDED = _drop(["__meta_kubernetes_pod_phase"], "Pending|Succeeded|Failed")


def addon(namespace: str, scrape: Scrape) -> Manifest:
    """Return the PodMonitor of an addon's metrics.

    Their own labels win over the pod's, so that a controller can tell of other namespaces; not so
    in a scrape of all namespaces (``*``), which is of pods that teams run. Raises ValueError for
    one of these that is secure.
    """
    everywhere = scrape.namespace == "*"
    endpoint: Manifest = {
        "path": scrape.path,
        "honorLabels": not everywhere,
        "relabelings": [
            # The port need not be declared; a pod that declares several is one target still.
            {
                "action": "replace",
                "sourceLabels": ["__meta_kubernetes_pod_ip"],
                "regex": "(.+)",
                "replacement": f"$1:{scrape.port}",
                "targetLabel": "__address__",
            },
            _ENDED,
            *(_TEAM if everywhere else []),
            *([_set("instance", scrape.name)] if scrape.cluster_wide else []),
            _set("job", scrape.name),
            {
                "action": "labeldrop",
                "regex": "container|endpoint|pod" if scrape.cluster_wide else "container|endpoint",
            },
        ],
        "metricRelabelings": [
            _drop(["__name__"], LIBRARY),
            *([_ONE_SERIES_A_NAME] if scrape.cluster_wide else []),
        ],
    }
    spec: Manifest = {
        "namespaceSelector": {"any": True} if everywhere else {"matchNames": [scrape.namespace]},
        "selector": {"matchLabels": dict(scrape.labels)},
    }
    if everywhere:
        spec["sampleLimit"] = MOST_SAMPLES
    if scrape.secure and everywhere:
        raise ValueError(f"scrape {scrape.name}: the token is not shown to pods of teams")
    if scrape.secure:
        endpoint["scheme"] = "https"
        spec["scrapeClass"] = ACCOUNT
    return _monitor(namespace, scrape.name, spec, endpoint)


def teams(namespace: str) -> Manifest:
    """Return the PodMonitor of pods that say, by a label, which of their ports has metrics."""
    endpoint: Manifest = {
        "relabelings": [
            {
                "action": "keepequal",
                "sourceLabels": ["__meta_kubernetes_pod_container_port_name"],
                "targetLabel": meta("pod", "label", METRICS),
            },
            _ENDED,
            _copy(meta("pod", "annotation", METRICS_PATH), "__metrics_path__"),
            *_TEAM,
            _set("job", TEAMS),
        ],
    }
    spec: Manifest = {
        "namespaceSelector": {"any": True},
        "selector": {"matchExpressions": [{"key": METRICS, "operator": "Exists"}]},
        "sampleLimit": MOST_SAMPLES,
    }
    return _monitor(namespace, TEAMS, spec, endpoint)


def _config(namespace: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": f"{API}/v1alpha1",
        "kind": "ScrapeConfig",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": managed("prometheus", name),
        },
        "spec": {"scheme": "HTTPS", "scrapeClass": ACCOUNT, **spec},
    }


def node(namespace: str, name: str, path: str, wanted: str) -> Manifest:
    """Return what is collected of every real node's kubelet; simulated nodes have none."""
    return _config(
        namespace,
        name,
        {
            "metricsPath": path,
            "honorTimestamps": False,
            "kubernetesSDConfigs": [{"role": "Node"}],
            "relabelings": [
                _drop([meta("node", "label", DEVICE)], "simulated"),
                _copy("__meta_kubernetes_node_name", "node"),
                _copy("__meta_kubernetes_node_name", "instance"),
                _set("job", name),
            ],
            "metricRelabelings": [
                _keep(["__name__"], wanted),
                # Sums over a pod and over its node, which queries make for themselves.
                *([_drop(["__name__", "container"], SUMS)] if name == "cadvisor" else []),
            ],
        },
    )


def api_server(namespace: str) -> Manifest:
    """Return what is collected of the API server."""
    return _config(
        namespace,
        "apiserver",
        {
            "kubernetesSDConfigs": [
                {"role": "EndpointSlice", "namespaces": {"names": ["default"]}}
            ],
            "relabelings": [
                _keep(
                    [
                        "__meta_kubernetes_service_name",
                        "__meta_kubernetes_endpointslice_port_name",
                    ],
                    "kubernetes;https",
                ),
                _set("job", "apiserver"),
            ],
            "metricRelabelings": [_keep(["__name__"], API_SERVER)],
        },
    )


def platform(namespace: str) -> list[Manifest]:
    """Return what is collected of the cluster itself."""
    return [
        node(namespace, "kubelet", "/metrics", KUBELET),
        node(namespace, "cadvisor", "/metrics/cadvisor", CADVISOR),
        api_server(namespace),
    ]
