"""What the program asks for, in words of our own, by version. Pure.

The program's own texts are its own: they are read from its template file (product.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

VERSIONS = ("1.34", "1.35", "1.36", "1.37")
"""Versions of the program, each for the minor version of Kubernetes of that number."""
LATEST = VERSIONS[-1]
ENVIRONMENTS = ("kind", "eks", "gke")


class Level(StrEnum):
    """How much a requirement matters, in the program's words."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Device(StrEnum):
    """What accelerators something was shown on: each shows what those before it can show.

    ``NONE`` is no accelerator at all.
    """

    NONE = "none"
    SIMULATED = "simulated"
    REAL = "real"

    def shows(self, needed: Device) -> bool:
        """Say whether what was seen on such a device is evidence where another one is needed."""
        order = list(Device)
        return order.index(self) >= order.index(needed)


class Layer(StrEnum):
    """Who answers for a requirement in an environment."""

    PLATFORM = "platform"
    """This distribution."""
    BASE = "base"
    """The Kubernetes that it stands on."""
    NOBODY = "nobody"
    """Nothing there does it."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One requirement. ``levels`` maps the versions that have it to its level in each.

    ``needs`` is the least device that its evidence may come from; ``layers`` says who answers for
    it in each of ENVIRONMENTS.
    """

    id: str
    title: str
    meaning: str
    needs: Device
    levels: Mapping[str, Level]
    layers: Mapping[str, Layer]


def _since(version: str, level: Level) -> dict[str, Level]:
    return dict.fromkeys(VERSIONS[VERSIONS.index(version) :], level)


def _by(kind: Layer, eks: Layer, gke: Layer) -> dict[str, Layer]:
    return dict(zip(ENVIRONMENTS, (kind, eks, gke), strict=True))


ALWAYS = _since("1.34", Level.MUST)
PLATFORM, BASE, NOBODY = Layer.PLATFORM, Layer.BASE, Layer.NOBODY
OURS = _by(PLATFORM, PLATFORM, PLATFORM)
NOT_YET = _by(NOBODY, NOBODY, NOBODY)

REQUIREMENTS: tuple[Requirement, ...] = (
    Requirement(
        id="dra_support",
        title="Devices by claims",
        meaning="The API server serves the stable API of dynamic resource allocation, a driver"
        " tells its devices by it, and a pod that claims one gets one.",
        # The API and the path of a claim are the same whatever the device is.
        needs=Device.SIMULATED,
        levels={"1.34": Level.MUST, "1.35": Level.MUST},
        layers=_by(BASE, BASE, BASE),
    ),
    Requirement(
        id="driver_runtime_management",
        title="Drivers and runtime are managed",
        meaning="Which driver and runtime settings a node with accelerators has can be looked up,"
        " and what does not fit is found.",
        needs=Device.REAL,
        levels=_since("1.35", Level.SHOULD),
        layers=_by(PLATFORM, BASE, BASE),
    ),
    Requirement(
        id="gpu_sharing",
        title="One accelerator, several workloads",
        meaning="Where an accelerator can be shared, by parts or by turns, there is a defined way"
        " to ask for a share of it.",
        needs=Device.REAL,
        levels=_since("1.35", Level.SHOULD),
        layers=OURS,
    ),
    Requirement(
        id="virtualized_accelerator",
        title="Virtual accelerators",
        meaning="Where an accelerator can be made virtual, what comes of it is offered and asked"
        " for in the same way as parts of a real one.",
        needs=Device.REAL,
        levels=_since("1.35", Level.SHOULD),
        layers=NOT_YET,
    ),
    Requirement(
        id="ai_inference",
        title="Gateway API for inference",
        meaning="An implementation of the Gateway API sends requests on by weight and by header.",
        needs=Device.NONE,
        levels=ALWAYS,
        layers=_by(PLATFORM, PLATFORM, BASE),
    ),
    Requirement(
        id="advanced_inference_ingress",
        title="Gateway API inference extension",
        meaning="Requests for a model go to the replica that suits them best, by what the replicas"
        " tell of themselves (InferencePool and its endpoint picker).",
        needs=Device.NONE,
        levels=_since("1.36", Level.SHOULD),
        layers=_by(NOBODY, NOBODY, BASE),
    ),
    Requirement(
        id="high_performance_networking",
        title="More than one network",
        meaning="Fast network interfaces of a node can be found, asked for and attached to a pod"
        " beside its first one.",
        needs=Device.REAL,
        levels=_since("1.36", Level.SHOULD),
        layers=_by(NOBODY, NOBODY, BASE),
    ),
    Requirement(
        id="disaggregated_inference",
        title="Phases of inference apart",
        meaning="A model server whose phases (reading the prompt, writing the answer) are pods of"
        " their own can be installed, and both have a part in one answer.",
        needs=Device.REAL,
        levels=_since("1.36", Level.SHOULD),
        layers=NOT_YET,
    ),
    Requirement(
        id="gang_scheduling",
        title="All pods of a job or none",
        meaning="A job of several pods starts when there is room for all of them, and holds"
        " nothing back from others while there is not.",
        needs=Device.NONE,
        levels=ALWAYS,
        layers=OURS,
    ),
    Requirement(
        id="cluster_autoscaling",
        title="Nodes follow demand",
        meaning="Where there is an autoscaler of nodes, pods that wait for an accelerator bring a"
        " node that has it, and the node goes when they have gone.",
        needs=Device.REAL,
        levels=ALWAYS,
        layers=_by(NOBODY, PLATFORM, BASE),
    ),
    Requirement(
        id="pod_autoscaling",
        title="Replicas follow a metric",
        meaning="The autoscaler of Kubernetes changes the number of pods that hold accelerators, by"
        " a metric of the workload's own.",
        # What is shown is the way from a metric to replicas; the pods' devices are claimed alike.
        needs=Device.SIMULATED,
        levels=ALWAYS,
        layers=OURS,
    ),
    Requirement(
        id="accelerator_metrics",
        title="Metrics of each accelerator",
        meaning="How busy each accelerator is and how much of its memory is used can be read by"
        " programs, at an address, in names that others use too.",
        needs=Device.REAL,
        levels=ALWAYS,
        layers=_by(NOBODY, PLATFORM, BASE),
    ),
    Requirement(
        id="ai_service_metrics",
        title="Metrics of workloads",
        meaning="What a workload tells in Prometheus' form is found and collected by itself.",
        needs=Device.NONE,
        levels=ALWAYS,
        layers=OURS,
    ),
    Requirement(
        id="secure_accelerator_access",
        title="No accelerator without a claim",
        meaning="A container has the accelerators that it was given and no others: none without a"
        " claim, one of two with a claim for one, whatever it writes into its environment.",
        needs=Device.REAL,
        levels=ALWAYS,
        layers=OURS,
    ),
    Requirement(
        id="workload_sandboxing",
        title="A sandbox for code that is not trusted",
        meaning="A pod can be run so that it has no direct way to the node's kernel.",
        needs=Device.NONE,
        levels=_since("1.37", Level.SHOULD),
        layers=_by(NOBODY, NOBODY, BASE),
    ),
    Requirement(
        id="robust_controller",
        title="A complex operator works",
        meaning="An operator for AI with kinds of its own runs: its webhooks refuse what is wrong,"
        " and what is right is carried out.",
        needs=Device.NONE,
        levels=ALWAYS,
        layers=OURS,
    ),
)


def known(id_: str) -> Requirement:
    """Return the requirement of an id. Raises KeyError."""
    return {requirement.id: requirement for requirement in REQUIREMENTS}[id_]


def of_version(version: str) -> tuple[Requirement, ...]:
    """Return what a version asks for. Raises ValueError for one that is not known."""
    if version not in VERSIONS:
        raise ValueError(f"{version} is no version of the program; known: {', '.join(VERSIONS)}")
    return tuple(each for each in REQUIREMENTS if version in each.levels)
