"""Devices that pods ask for: said once by the addon that serves them, read by the queues. Pure.

And how a job gets one, for the proofs of those addons.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from components.facts import Device
from components.labels import managed

Manifest = dict[str, Any]
API = "resource.k8s.io/v1"
REQUEST = "device"


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


def claim_template(addon: str, name: str, claim: str) -> Manifest:
    """Return the template of a claim of one device of a class, in the addon's namespace."""
    request = {"name": REQUEST, "exactly": {"deviceClassName": claim, "count": 1}}
    return {
        "apiVersion": API,
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name, "namespace": addon, "labels": managed(addon)},
        "spec": {"spec": {"devices": {"requests": [request]}}},
    }


def claiming(job: Manifest, template: str) -> Manifest:
    """Return a job whose container claims a device by a template."""
    made = deepcopy(job)
    pod = made["spec"]["template"]["spec"]
    pod["resourceClaims"] = [{"name": REQUEST, "resourceClaimTemplateName": template}]
    pod["containers"][0]["resources"]["claims"] = [{"name": REQUEST}]
    return made


def asking(job: Manifest, resource: str) -> Manifest:
    """Return a job whose container asks for one device by the name of its resource."""
    made = deepcopy(job)
    made["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"][resource] = "1"
    return made


def tolerating(job: Manifest, taint: str) -> Manifest:
    """Return a job that may run on nodes which keep others away by a taint."""
    made = deepcopy(job)
    made["spec"]["template"]["spec"]["tolerations"] = [
        {"key": taint, "operator": "Exists", "effect": "NoSchedule"}
    ]
    return made
