"""What an addon may know of the cluster: capabilities, never the name of a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Device = Literal["real", "simulated", "none"]


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What a queue may admit on a pool, as Kubernetes quantities."""

    cpu: str
    memory: str


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Nodes of one kind.

    ``accelerator`` is the extended resource that its nodes offer, ``per_node`` how many of it;
    ``device`` says whether these are real, simulated or absent. ``taints`` is what a pod has to
    tolerate to run there, as Kubernetes taints.
    """

    name: str
    count: int
    quota: Quota
    shape: str = ""
    accelerator: str | None = None
    per_node: int = 0
    device: Device = "none"
    taints: tuple[Mapping[str, str], ...] = ()

    @property
    def accelerators(self) -> int:
        """Number of accelerators of the whole pool."""
        return self.count * self.per_node


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """The contract between a tier and the addons.

    ``node_ports`` maps the name of an endpoint to the port that the tier opens for it on every
    node; ``urls`` maps it to the address a person uses.
    """

    name: str
    kubernetes: str
    storage_class: str
    pools: tuple[Pool, ...]
    replicas: int = 1
    node_ports: Mapping[str, int] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    provides: frozenset[str] = frozenset()

    @property
    def without_devices(self) -> tuple[Pool, ...]:
        """Pools of nodes that exist and have no accelerator of their own."""
        return tuple(pool for pool in self.pools if pool.device == "none")

    @property
    def simulated(self) -> tuple[Pool, ...]:
        """Pools whose nodes are simulated."""
        return tuple(pool for pool in self.pools if pool.device == "simulated")
