"""Devices that pods ask for: said once by the addon that serves them, read by the queues. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.facts import Device


@dataclass(frozen=True, kw_only=True)
class Devices:
    """Devices of one kind on the nodes of some pools.

    ``resource`` is the name by which containers ask for them and queues count them; ``claim`` the
    Kubernetes DeviceClass by which pods claim them, if they can be claimed. ``per_node`` maps the
    name of a pool to the number of them on each of its nodes; a pool whose ``accelerator`` is
    ``resource`` has its quota already and is left out. ``device`` says what they are.
    """

    resource: str
    device: Device
    claim: str | None = None
    per_node: Mapping[str, int] = field(default_factory=dict)
