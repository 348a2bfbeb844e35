"""Rules on what teams store, and on what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import WHOLE, at, each, hidden, keyed, quantity
from policies.verdict import Verdict

LARGEST = 2 * 1024**4
"""Bytes of a volume above which somebody should have thought of an object store."""
CLAIM = "PersistentVolumeClaim"
TYPES = (f"kubernetes:core/v1:{CLAIM}", f"kubernetes:core/v1:{CLAIM}Patch", *WHOLE)


def no_larger_than_needed(resource: Resource, _: Ground) -> Verdict:
    """Fail for a claim of more than the largest volume."""
    failures, undecided = [], _hidden(resource)
    for place, spec in _claims(resource):
        size = at(spec, "resources", "requests", "storage")
        if size is UNKNOWN:
            undecided.append(f"{place}.resources.requests.storage is not known yet")
        elif (quantity(size) or 0) > LARGEST:
            failures.append(f"{place} claims more than 2Ti")
    return Verdict.of(failures, undecided)


def many_writers_need_a_class(resource: Resource, _: Ground) -> Verdict:
    """Fail for a claim for pods on many nodes that names neither a class nor a volume."""
    failures, undecided = [], _hidden(resource)
    for place, spec in _claims(resource):
        modes = list(each(at(spec, "accessModes")))
        named = [at(spec, key) for key in ("storageClassName", "volumeName")]
        if any(isinstance(name, str) and name for name in named):
            continue
        if "ReadWriteMany" in modes and UNKNOWN not in named:
            failures.append(f"{place} is ReadWriteMany, and names no storage class")
        elif "ReadWriteMany" in modes or UNKNOWN in modes:
            undecided.append(f"{place} is not known yet")
    return Verdict.of(failures, undecided)


def _claims(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Yield the specification of each claim, also of those that a workload makes."""
    if resource.type.startswith("kubernetes:core/v1:Persistent"):
        yield "spec", at(resource.props, "spec")
    for place, listed in keyed(resource.props, "volumeClaimTemplates"):
        for index, claim in enumerate(each(listed)):
            name = at(claim, "metadata", "name")
            shown = name if isinstance(name, str) else index
            yield f"{place}[{shown}].spec", at(claim, "spec")
    for place, claim in keyed(resource.props, "volumeClaimTemplate"):
        yield f"{place}.spec", at(claim, "spec")


def _hidden(resource: Resource) -> list[str]:
    return [f"{place} is not known yet" for place in hidden(resource.props)]


RULES = (
    Rule(
        id="CNAI-STO-001",
        title="A volume of a team is no larger than 2Ti",
        severity=Severity.LOW,
        scope=Scope.TEAM,
        types=TYPES,
        frameworks=(Framework("FinOps Framework", "2026", "Usage Optimization"),),
        rationale="A volume is paid for by its size, full or not, and never gets smaller.",
        remedy="Keep data in the object store and claim what is worked on, or say why it is more.",
        check=no_larger_than_needed,
        mandatory=False,
    ),
    Rule(
        id="CNAI-STO-002",
        title="A volume that many nodes write to names its storage class",
        severity=Severity.MEDIUM,
        scope=Scope.TEAM,
        types=TYPES,
        frameworks=(Framework("FinOps Framework", "2026", "Architecting & Workload Placement"),),
        rationale=(
            "The class that a cluster has by default is mostly one of disks, which one node writes"
            " to: the claim would wait for ever."
        ),
        remedy="Set storageClassName to a class of shared file systems, or use ReadWriteOnce.",
        check=many_writers_need_a_class,
    ),
)
