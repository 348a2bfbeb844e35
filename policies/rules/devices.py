"""Rules on ways to an accelerator other than to ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import WHOLE, at, containers, each, hidden, keyed, pod_specs, quantity
from policies.rules.gpu import ACCELERATOR
from policies.verdict import Verdict

VISIBLE = "NVIDIA_VISIBLE_DEVICES"
HIDDEN = (None, "", "void", "none")
"""Values by which no device is visible, not even one that the image asks for."""
MOUNTED = "/var/run/nvidia-container-devices"
"""Mounts below it are read by NVIDIA's runtime as the names of devices, if it is told to."""
FAILING = ("NoExecute", "PreferNoSchedule")
"""Effects of taints that a node has for a while, or that keep nobody away."""


def asks(props: Mapping[str, Any]) -> Any:
    """Say whether a pod, or any pod below, asks for a device: True, False, or UNKNOWN."""
    claims = [claim for _, listed in keyed(props, "resourceClaims") for claim in each(listed)]
    named = [*_named(props)]
    if any(claim is not UNKNOWN for claim in claims) or True in named:
        return True
    return UNKNOWN if claims or UNKNOWN in named or hidden(props) else False


def _named(props: Mapping[str, Any]) -> Iterator[Any]:
    for _, container in containers(props):
        for key in ("resources", "resourcesPerNode"):
            for part in ("limits", "requests"):
                named = at(container, key, part)
                if named is UNKNOWN:
                    yield UNKNOWN
                elif isinstance(named, Mapping):
                    # Zero of a device is none of it; how many it is does not matter.
                    yield any(
                        ACCELERATOR.fullmatch(str(name)) and quantity(amount) != 0
                        for name, amount in named.items()
                    )


def not_by_the_runtime(resource: Resource, _: Ground) -> Verdict:
    """Fail for a pod that asks for no device, and has the container runtime put devices into it."""
    failures, undecided = [], [f"{place} is not known yet" for place in hidden(resource.props)]
    for where, pod in pod_specs(resource.props):
        asked = asks(pod)
        for name, container in () if asked is True else containers(pod):
            place = f"{where}{name}"
            for said, value in _ways(container):
                if value is UNKNOWN:
                    undecided.append(f"{place}{said} is not known yet")
                elif asked is UNKNOWN:
                    undecided.append(f"whether {place} may have {said} is not known yet")
                else:
                    failures.append(f"{place}{said} makes devices visible that nobody asked for")
    return Verdict.of(failures, undecided)


def _ways(container: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for entry in each(container.get("env")):
        name, value = at(entry, "name"), at(entry, "value")
        taken = at(entry, "valueFrom")
        if name is UNKNOWN:
            yield ".env", UNKNOWN
        elif name == VISIBLE and (taken is not None or value not in HIDDEN):
            # Where the value is taken from somewhere else, it may be any.
            yield f".env[{VISIBLE}]", value if taken is None else taken
    for mount in each(container.get("volumeMounts")):
        path = at(mount, "mountPath")
        if path is UNKNOWN or str(path).startswith(MOUNTED):
            yield ".volumeMounts", path


def no_toleration_for_nothing(resource: Resource, _: Ground) -> Verdict:
    """Fail for a pod that tolerates the taint of accelerators and asks for none."""
    failures, undecided = [], [f"{place} is not known yet" for place in hidden(resource.props)]
    for where, pod in pod_specs(resource.props):
        asked = asks(pod)
        for toleration in each(pod.get("tolerations")) if asked is not True else ():
            tolerated = _tolerates(toleration)
            if tolerated is UNKNOWN:
                undecided.append(f"{where}tolerations is not known yet")
            elif tolerated and asked is UNKNOWN:
                undecided.append(f"whether {where}containers ask for a device is not known yet")
            elif tolerated:
                failures.append(f"{where}tolerations has {tolerated}, and no device is asked for")
    return Verdict.of(failures, undecided)


def _tolerates(toleration: Any) -> Any:
    """Say which taint of accelerators is tolerated: a text, None, or UNKNOWN."""
    key, effect = at(toleration, "key"), at(toleration, "effect")
    if isinstance(key, str) and key:
        return key if ACCELERATOR.fullmatch(key) else None
    if UNKNOWN in (key, effect):
        return UNKNOWN
    # Without a key it is every taint.
    every = at(toleration, "operator") == "Exists" and effect not in FAILING
    return "every taint, that of accelerators too" if every else None


RULES = (
    Rule(
        id="CNAI-GPU-002",
        title="A pod that asks for no accelerator has none put into it by the runtime",
        severity=Severity.CRITICAL,
        scope=Scope.TEAM,
        types=WHOLE,
        frameworks=(
            Framework("CNCF Kubernetes AI Conformance", "1.37", "secure_accelerator_access"),
        ),
        rationale=(
            f"Where the runtime heeds {VISIBLE}, it shows devices to a pod that no scheduler"
            " and no queue gave them to: those of other teams."
        ),
        remedy=(
            f"Take {VISIBLE} away and ask for a device by resources.limits or a claim; set it to"
            " `void` where an image must see none."
        ),
        check=not_by_the_runtime,
    ),
    Rule(
        id="CNAI-GPU-003",
        title="Who tolerates the taint of accelerators asks for one",
        severity=Severity.MEDIUM,
        scope=Scope.TEAM,
        types=WHOLE,
        frameworks=(
            Framework("CNCF Cloud Native AI White Paper", "2024", "scheduling"),
            Framework("FinOps Framework", "2026", "Usage Optimization"),
        ),
        rationale=(
            "The taint keeps the cores and the memory beside an accelerator for those who use it:"
            " without them it stands idle, and is paid for."
        ),
        remedy="Take the toleration away, or ask for the device by resources.limits or a claim.",
        check=no_toleration_for_nothing,
    ),
)
