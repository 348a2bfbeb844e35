"""Kubeflow Trainer: its pods run, its webhook refuses what is wrong, a TrainJob completes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
SPACE = "kubeflow-system"
WEBHOOK = "validator.trainer.kubeflow.org"
SELECTOR = "--selector=app.kubernetes.io/name=kubeflow-trainer"
READY = "--output=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
COMPLETE = "--output=jsonpath={.status.conditions[?(@.type=='Complete')].status}"


def trainjob(space: str, name: str, runtime: str) -> dict[str, Any]:
    """A TrainJob of two nodes that says hello."""
    asked = {"cpu": "50m", "memory": "128Mi"}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": name, "namespace": space},
        "spec": {
            "runtimeRef": {"name": runtime},
            "trainer": {
                "numNodes": 2,
                "command": ["python3", "-c", "print('hello')"],
                "resourcesPerNode": {"requests": asked},
            },
        },
    }


def test_what_is_right_is_done_and_what_is_wrong_refused(case: Case) -> None:
    if case.find("crd", "trainjobs.trainer.kubeflow.org") is None:
        case.not_implemented("no operator for AI is here; the addon trainer is one")
    case.uses("trainer", "jobset")
    # One may be restarting at the moment, as after a change of its settings.
    running = ("get", "pods", f"--namespace={SPACE}", SELECTOR, READY)
    case.until("its pods are ready", running, lambda said: set(said.split()) == {"True"})
    said = case.kubectl("get", "validatingwebhookconfiguration", WEBHOOK, "--output=json")
    assert json.loads(said)["webhooks"], "it has no webhook"
    runtimes = case.every("clustertrainingruntimes.trainer.kubeflow.org")
    assert runtimes, "there is no runtime that a TrainJob could name"
    runtime = str(runtimes[0]["metadata"]["name"])
    space = case.place()
    at = f"--namespace={space}"
    case.note("A TrainJob for a runtime that is not there:")
    wrong = trainjob(space, "wrong", "no-such-runtime")
    refusal = case.refused("create", "--filename=-", given=wrong)
    assert "denied the request" in refusal, refusal
    assert "trainer.kubeflow.org" in refusal, refusal
    case.note("And one that is right:")
    case.kubectl("create", "--filename=-", given=trainjob(space, "right", runtime))
    done = ("get", "trainjob", "right", at, COMPLETE)
    case.until("the TrainJob completes", done, lambda said: said == "True")
    case.kubectl("get", "trainjobs,jobsets,jobs,pods", at)
    case.kubectl("get", "trainjob", "right", at, "--output=yaml")
    case.implemented(
        f"Kubeflow Trainer runs in {SPACE}; its webhook refused a TrainJob of an unknown runtime,"
        f" and one of {runtime} on two nodes ran to its end"
    )
