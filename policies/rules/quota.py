"""Rules on what quotas and queues count by: what containers ask for, and how urgent it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import PARTS, WHOLE, at, containers, hidden, keyed, pod_specs, quantity
from policies.rules.gpu import ACCELERATOR
from policies.verdict import Verdict

PRIORITY = "kueue.x-k8s.io/priority-class"
CLASSES = ("low", "normal", "high")
"""The classes of priority that the queues have (addons/kueue.py)."""
NSA = Framework("NSA/CISA Kubernetes Hardening Guidance", "1.2", "resource policies")
WHITE_PAPER = Framework("CNCF Cloud Native AI White Paper", "2024", "scheduling")


def asks_for_what_it_uses(resource: Resource, _: Ground) -> Verdict:
    """Fail for a container that asks for no cpu or no memory."""
    failures, undecided = [], [f"{place} is not known yet" for place in hidden(resource.props)]
    for where, pod in pod_specs(resource.props):
        for name, container in containers(pod):
            if name.startswith("ephemeralContainers"):
                continue  # These cannot ask: they run on what the pod has.
            for what in ("cpu", "memory"):
                # What is asked for the whole pod holds for each of its containers.
                asked = [*_amounts(container, what), *_amounts(pod, what)]
                if any(amount is not UNKNOWN and quantity(amount) for amount in asked):
                    continue
                if UNKNOWN in asked:
                    undecided.append(f"whether {where}{name} asks for {what} is not known yet")
                else:
                    failures.append(f"{where}{name} asks for no {what}")
    return Verdict.of(failures, undecided)


def _amounts(node: Mapping[str, Any], what: str) -> Iterator[Any]:
    """Yield what is asked for; who has a limit and no request asks for as much as the limit."""
    asked, limit = (at(node, "resources", part, what) for part in ("requests", "limits"))
    yield limit if asked is None else asked


def devices_are_not_shared(resource: Resource, _: Ground) -> Verdict:
    """Fail for a container that asks for another number of a device than its limit."""
    failures, undecided = [], [f"{place} is not known yet" for place in hidden(resource.props)]
    for name, container in containers(resource.props):
        for key in ("resources", "resourcesPerNode"):
            place, said = f"{name}.{key}", at(container, key)
            asked, limits = at(said, "requests"), at(said, "limits")
            if said is UNKNOWN or asked is UNKNOWN:
                undecided.append(f"{place} is not known yet")
            for what, amount in asked.items() if isinstance(asked, Mapping) else ():
                if not ACCELERATOR.fullmatch(str(what)):
                    continue
                limit = at(limits, str(what))
                if UNKNOWN in (limit, amount):
                    undecided.append(f"how much {what} {place} asks for is not known yet")
                elif limit is None:
                    failures.append(f"{place} asks for {what} and has no limit for it")
                elif not _same(amount, limit):
                    failures.append(f"{place} asks for another number of {what} than its limit")
    return Verdict.of(failures, undecided)


def _same(one: Any, other: Any) -> bool:
    """Say whether quantities are the same, however they are written."""
    amounts = quantity(one), quantity(other)
    return str(one) == str(other) if None in amounts else amounts[0] == amounts[1]


def priority_of_the_queue(resource: Resource, _: Ground) -> Verdict:
    """Fail for a priority that is not one of those that teams may have."""
    failures, undecided = [], [f"{place} is not known yet" for place in hidden(resource.props)]
    for place, labels in keyed(resource.props, "labels"):
        said = at(labels, PRIORITY)
        if said is UNKNOWN:
            undecided.append(f"{place}['{PRIORITY}'] is not known yet")
        elif said not in (None, "", *CLASSES):
            failures.append(f"{place}['{PRIORITY}'] is not one of {', '.join(CLASSES)}")
    for place, said in keyed(resource.props, "priorityClassName"):
        if said is UNKNOWN:
            undecided.append(f"{place} is not known yet")
        elif str(said).startswith("system-"):
            failures.append(f"{place} is a class of the cluster's own")
        elif said not in (None, ""):
            failures.append(f"{place} goes past the classes of the queue")
    return Verdict.of(failures, undecided)


RULES = (
    Rule(
        id="CNAI-QTA-001",
        title="A team's containers ask for the cpu and the memory that they use",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=WHOLE,
        frameworks=(NSA, Framework("FinOps Framework", "2026", "Usage Optimization")),
        rationale="What is not asked for counts as nothing: it takes from others past any quota.",
        remedy="Set resources.requests of cpu and memory for every container, or for the pod.",
        check=asks_for_what_it_uses,
    ),
    Rule(
        id="CNAI-QTA-002",
        title="A container asks for as many accelerators as its limit",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=("kubernetes:*",),
        frameworks=(WHITE_PAPER, Framework("FinOps Framework", "2026", "Allocation")),
        rationale="Devices are not overcommitted: the API server starts no pod that asks for it.",
        remedy="Name the accelerator in resources.limits alone, or in both with one number.",
        check=devices_are_not_shared,
    ),
    Rule(
        id="CNAI-QTA-003",
        title="Teams have the priorities of the queue, and none of the cluster's",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=(*WHOLE, *PARTS),
        frameworks=(WHITE_PAPER, NSA),
        rationale="A class of the cluster's drives out the pods of others, and of the platform.",
        remedy=(
            f"Take priorityClassName away, and set the label {PRIORITY} to"
            f" {', '.join(CLASSES[:-1])} or {CLASSES[-1]}."
        ),
        check=priority_of_the_queue,
    ),
)
