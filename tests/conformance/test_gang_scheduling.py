"""All pods of a job or none: a gang that fits runs; one that does not has no pod, blocks nobody."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from components.labels import QUEUE
from tests.conformance import pods
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
WINDOW = 30
"""Seconds for which the gang that does not fit is looked at."""
FITS, TOO_LARGE, BEHIND = "conformance-fits", "conformance-too-large", "conformance-behind"
COMPLETE = "--output=jsonpath={.status.conditions[?(@.type=='Complete')].status}"


def gang(case: Case, name: str, count: int, memory: str) -> dict[str, Any]:
    """A job of some pods that is the queue's to admit, each of which asks for so much memory."""
    main = pods.shell("main", "sleep 2")
    main["resources"] = {
        "requests": {"cpu": "10m", "memory": memory},
        "limits": {"memory": memory},
    }
    labels = {QUEUE: case.platform.queue}
    made = pods.spec(main)
    return pods.job(name, case.platform.namespace, made, pods=count, labels=labels)


def test_a_gang_runs_as_a_whole_or_not_at_all(case: Case) -> None:
    case.uses("kueue")
    if not case.every("clusterqueues.kueue.x-k8s.io"):
        case.not_implemented("no queue admits jobs here; the addon kueue has them")
    at = f"--namespace={case.platform.namespace}"
    names = [FITS, TOO_LARGE, BEHIND]
    gone = ("delete", "jobs", *names, at, "--ignore-not-found", "--cascade=foreground")
    case.kubectl(*gone)
    case.kubectl("get", "clusterqueues.kueue.x-k8s.io", "--output=yaml")
    try:
        _gangs(case, at)
    finally:
        case.kubectl(*gone, check=False)


def _gangs(case: Case, at: str) -> None:
    case.note("A gang of two pods, for which there is room:")
    case.kubectl("create", "--filename=-", given=gang(case, FITS, 2, "64Mi"))
    done = ("get", "job", FITS, at, COMPLETE)
    case.until("the gang that fits completes", done, lambda said: said == "True")
    case.note(
        "Three pods, each of which would fit and which do not fit together; and a job behind it:"
    )
    largest = _largest(case)
    case.kubectl("create", "--filename=-", given=gang(case, TOO_LARGE, 3, str(largest * 2 // 5)))
    suspended = ("get", "job", TOO_LARGE, at, "--output=jsonpath={.spec.suspend}")
    case.until("the queue has the gang", suspended, lambda said: said == "true")
    case.kubectl("create", "--filename=-", given=gang(case, BEHIND, 1, "64Mi"))
    end = time.monotonic() + WINDOW
    case.until(
        "the job behind it completes",
        ("get", "job", BEHIND, at, COMPLETE),
        lambda said: said == "True",
    )
    pods_of = ("pods", at, f"--selector=job-name={TOO_LARGE}")
    looks = 0
    while True:
        assert not case.every(*pods_of), "a gang that does not fit has a pod"
        looks += 1
        if time.monotonic() > end:
            break
        time.sleep(1)
    case.kubectl("get", *pods_of)
    case.kubectl("get", "workloads.kueue.x-k8s.io", at, "--output=wide")
    case.note(f"Looked {looks} times in {WINDOW} s for a pod of the gang; there was none.")
    case.implemented(
        "A gang of two ran to its end; three pods that do not fit together had no pod at all for"
        f" {WINDOW} s, though each would have fitted alone, and a job that came later ran"
    )


def _largest(case: Case) -> int:
    """The most memory, in bytes, that any flavor for pods without tolerations gives a job.

    Queues lend what they do not use, so it is that of all queues of a flavor together.
    """
    from kubernetes.utils import parse_quantity  # noqa: PLC0415  imports take a second

    tainted = {
        flavor["metadata"]["name"]
        for flavor in case.every("resourceflavors.kueue.x-k8s.io")
        if flavor["spec"].get("nodeTaints")
    }
    quotas: dict[str, int] = {}
    for queue in case.every("clusterqueues.kueue.x-k8s.io"):
        for group in queue["spec"].get("resourceGroups") or []:
            for flavor in group["flavors"]:
                for told in flavor["resources"]:
                    if told["name"] == "memory" and flavor["name"] not in tainted:
                        amount = int(parse_quantity(told["nominalQuota"]))
                        quotas[flavor["name"]] = quotas.get(flavor["name"], 0) + amount
    assert quotas, json.dumps({"flavors that any pod may use": []})
    return max(quotas.values())
