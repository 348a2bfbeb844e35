"""Rules on accelerators."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.labels import QUEUE
from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import containers, hidden, pod_specs
from policies.verdict import PASS, Verdict

# Extended resources of the vendors' device plugins, and of the simulated devices: whole devices,
# slices and shares of them.
ACCELERATOR = re.compile(
    r"(nvidia\.com|amd\.com|(gpu\.)?intel\.com|aws\.amazon\.com|google\.com|habana\.ai|cnai\.dev)"
    r"/(gpu|mig-.*|i915|xe|gaudi|neuron.*|tpu|.*shared.*)"
)
# Kinds that Kueue admits as a whole, by the label on themselves.
QUEUED = (
    *("Pod", "Job", "CronJob", "Deployment", "StatefulSet", "JobSet", "TrainJob"),
    *("RayJob", "RayCluster", "PyTorchJob", "MPIJob"),
)


def needs_queue(resource: Resource, _: Ground) -> Verdict:
    """Fail for a workload that asks for an accelerator and names no queue."""
    kind, props = resource.kind, resource.props
    asked = list(_requests(props))
    unknown = [*hidden(props), *(place for place, what in asked if what is UNKNOWN)]
    doubts = [f"{place} is not known yet" for place in unknown]
    devices = [f"{place} asks for {what}" for place, what in asked if isinstance(what, str)]
    queue = _queue(kind, props)
    if queue is UNKNOWN:
        return Verdict.of([], [*devices, *doubts])
    if queue:
        return PASS
    return Verdict.of([f"{d}, but the {kind} has no label {QUEUE}" for d in devices], doubts)


def _requests(props: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (place, resource) for every accelerator asked for; UNKNOWN where it cannot be told."""
    for place, spec in pod_specs(props):
        claims = spec.get("resourceClaims")
        if claims is UNKNOWN:
            yield f"{place}resourceClaims", UNKNOWN
        elif claims:
            yield f"{place}resourceClaims", "a device claim"
    for place, container in containers(props):
        for key in ("resources", "resourcesPerNode"):
            resources = container.get(key)
            if resources is UNKNOWN:
                yield place, UNKNOWN
            elif isinstance(resources, Mapping):
                for part in ("limits", "requests"):
                    named = resources.get(part)
                    if named is UNKNOWN:
                        yield place, UNKNOWN
                    elif isinstance(named, Mapping):
                        # A quantity that is unknown still asks for a device; zero does not.
                        yield from (
                            (place, name)
                            for name, quantity in named.items()
                            if ACCELERATOR.fullmatch(str(name)) and str(quantity) != "0"
                        )


def _queue(kind: str, props: Mapping[str, Any]) -> Any:
    """Value of the queue label; that of a CronJob is on the jobs that it makes."""
    node: Any = props
    path = ("spec", "jobTemplate") if kind == "CronJob" else ()
    for key in (*path, "metadata", "labels", QUEUE):
        if node is UNKNOWN or not isinstance(node, Mapping):
            break
        node = node.get(key)
    return node if node is UNKNOWN or isinstance(node, str) else None


RULES = (
    Rule(
        id="CNAI-GPU-001",
        title="A workload that asks for an accelerator goes through a queue",
        severity=Severity.HIGH,
        scope=Scope.CLUSTER,
        types=tuple(f"kubernetes:*:{kind}" for kind in QUEUED),
        frameworks=(
            Framework("CNCF Kubernetes AI Conformance", "1.37", "gang_scheduling"),
            Framework("CNCF Cloud Native AI White Paper", "2024", "scheduling"),
        ),
        rationale=(
            "A pod that takes a device past the queue takes it from a team that was promised it."
        ),
        remedy=f"Set metadata.labels['{QUEUE}'] to a LocalQueue of the namespace.",
        check=needs_queue,
    ),
)
