"""Named sets of addons; one whose name ends in ``?`` belongs to a set where it can be had."""

from __future__ import annotations

TRAINING = ("kueue", "mlflow", "trainer")
DEVICES = ("node-feature-discovery", "simulated-devices")
TELEMETRY = ("cluster-metrics", "grafana?", "jaeger", "opentelemetry", "prometheus")
LAPTOP = (
    *TRAINING,
    *DEVICES,
    *TELEMETRY,
    "feast",
    "kwok",
    "kyverno",
    "mlflow-serving",
    "scanning",
)

PROFILES: dict[str, tuple[str, ...]] = {
    "minimal": ("jobset", "kueue"),
    "laptop-small": (*TRAINING, "kwok"),
    "training": (*TRAINING, *DEVICES, *TELEMETRY, "feast"),
    "serving": ("mlflow-serving", "gateway", "keda", *TELEMETRY),
    "laptop": LAPTOP,
    "full": (*LAPTOP, "gateway", "keda"),
}
