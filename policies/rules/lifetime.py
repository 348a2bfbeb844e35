"""Rules on how long work lasts: what may be ended at any time, and what nobody ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.labels import DOMAIN
from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at, each, hidden, keyed, quantity
from policies.rules.devices import asks
from policies.rules.quota import PRIORITY
from policies.verdict import PASS, Verdict

CHECKPOINT = f"{DOMAIN}/checkpoint"
"""Annotation of work: where its checkpoints are, as an absolute path or a URI."""
PLACE = re.compile(r"(/|[a-z][a-z0-9+.-]*:/)\S+")
LONGEST = "kueue.x-k8s.io/max-exec-time-seconds"
"""Label by which Kueue ends work."""
TTL = "cleanup.kyverno.io/ttl"
"""Label by which Kyverno takes an object away, whatever its kind."""
SHORT = 3600
"""Seconds that may be lost: work that ends within them needs no checkpoint."""
# Taints and labels of nodes that a cloud takes back, with their values in lower case.
SPOT = {
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
    "cloud.google.com/gke-provisioning": "spot",
    "eks.amazonaws.com/capacityType": "spot",
    "karpenter.sh/capacity-type": "spot",
    "kubernetes.azure.com/scalesetpriority": "spot",
}
TRAINING = ("JobSet", "TrainJob", "RayJob", "PyTorchJob", "TFJob", "JAXJob", "MPIJob")
BATCH = ("Job", "CronJob", "ScaledJob")


def goes_on_where_it_was(resource: Resource, _: Ground) -> Verdict:
    """Fail for work that may be ended at any time and does not say where its checkpoints are."""
    props = resource.props
    where = [at(annotations, CHECKPOINT) for _, annotations in keyed(props, "annotations")]
    ends = [end for _, end in keyed(props, "activeDeadlineSeconds")]
    said = [place for place in where if isinstance(place, str) and place]
    if any(PLACE.fullmatch(place) for place in said):
        return PASS
    if any(0 < (quantity(end) or 0) <= SHORT for end in ends):
        return PASS
    found = list(_ended(props))
    failures = [reason for reason, known in found if known]
    dark = [f"{place} is not known yet" for place in hidden(props)]
    doubts = [*(reason for reason, known in found if not known), *dark]
    if dark or UNKNOWN in (*where, *ends):
        doubts += [f"{reason}; how it goes on is not known yet" for reason in failures]
        failures = []
    elif said:
        failures = [f"annotation {CHECKPOINT} is neither a path nor a URI"] * bool(failures)
    return Verdict.of(failures, doubts)


def _ended(props: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield why work may be ended at any time, and whether that is known."""
    for place, listed in keyed(props, "tolerations"):
        for toleration in each(listed):
            key, value = at(toleration, "key"), at(toleration, "value")
            spot = SPOT.get(key) if isinstance(key, str) else None
            if UNKNOWN in (key, value if spot else None):
                yield f"{place} is not known yet", False
            elif spot and (value in (None, "") or _is(spot, value)):
                yield f"{place} has {key}, which is on nodes that are taken back", True
    for place, chosen in keyed(props, "nodeSelector"):
        for key, spot in SPOT.items():
            value = at(chosen, key)
            if value is UNKNOWN:
                yield f"{place}['{key}'] is not known yet", False
            elif _is(spot, value):
                yield f"{place} has {key}, which is on nodes that are taken back", True
    for place, labels in keyed(props, "labels"):
        value = at(labels, PRIORITY)
        if value is UNKNOWN:
            yield f"{place}['{PRIORITY}'] is not known yet", False
        elif value == "low":
            yield f"{place}['{PRIORITY}'] is low, which gives way to all others", True


def _is(expected: str, value: Any) -> bool:
    return str(value).lower() == expected


def comes_to_an_end(resource: Resource, _: Ground) -> Verdict:
    """Fail for training, a notebook or a job with an accelerator that nothing ends."""
    props = resource.props
    said = [value for _, value in keyed(props, "activeDeadlineSeconds")]
    labels = [found for _, found in keyed(props, "labels")]
    limits = [*said, *(at(found, name) for found in labels for name in (LONGEST, TTL))]
    if any(limit not in (None, "", UNKNOWN) for limit in limits):
        return PASS
    concerned = True if resource.kind not in BATCH else asks(props)
    if concerned is False:
        return PASS
    doubts = [f"{place} is not known yet" for place in hidden(props)]
    if concerned is UNKNOWN or UNKNOWN in limits or doubts:
        doubts.append(f"whether something ends the {resource.kind} is not known yet")
        return Verdict.of([], doubts)
    return Verdict.fail(f"the {resource.kind} runs for as long as it likes")


RULES = (
    Rule(
        id="CNAI-LIF-001",
        title="Work that may be ended at any time says where its checkpoints are",
        severity=Severity.LOW,
        scope=Scope.TEAM,
        types=tuple(f"kubernetes:*:{kind}" for kind in (*TRAINING, *BATCH)),
        frameworks=(Framework("FinOps Framework", "2026", "Architecting & Workload Placement"),),
        rationale="What begins again from nothing each time costs more than the node saves.",
        remedy=(
            f"Write checkpoints to a volume or a bucket, and where into the annotation"
            f" {CHECKPOINT}, as in /checkpoints or s3://bucket/run."
        ),
        check=goes_on_where_it_was,
        mandatory=False,
    ),
    Rule(
        id="CNAI-LIF-002",
        title="Training, notebooks and jobs with an accelerator come to an end",
        severity=Severity.LOW,
        scope=Scope.TEAM,
        types=tuple(f"kubernetes:*:{kind}" for kind in (*TRAINING, *BATCH, "Notebook")),
        frameworks=(Framework("FinOps Framework", "2026", "Usage Optimization"),),
        rationale="What hangs, or is forgotten, holds its devices until somebody looks.",
        remedy=f"Set activeDeadlineSeconds, or the label {LONGEST}, and {TTL} for a notebook.",
        check=comes_to_an_end,
        mandatory=False,
    ),
)
