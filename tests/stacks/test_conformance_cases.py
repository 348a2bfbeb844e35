"""The conformance tests notice what is wrong: each is run against answers of a made-up cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.conformance.requirements import Device, known
from policies.conformance.result import Outcome, Result
from tests.conformance import case as cases
from tests.conformance import test_gang_scheduling
from tests.conftest import Platform

Answer = str | tuple[int, str]
"""What kubectl says; with an exit code, when it is not 0."""
DEVICES = [{"name": f"gpu-{n}", "attributes": {"driverVersion": {"version": "1"}}} for n in (0, 1)]
SIMULATED = {"name": "gpu.example.com", "labels": {"cnai.dev/device": "simulated"}}


def items(*listed: Any) -> str:
    return json.dumps({"items": listed})


def series(value: str, **labels: str) -> str:
    found = {"metric": labels, "value": [0, value]}
    return json.dumps({"status": "success", "data": {"result": [found]}})


COMMON: dict[str, Answer] = {
    "get deviceclasses.resource.k8s.io --output=json": items({"metadata": SIMULATED, "spec": {}}),
    "get resourceslices.resource.k8s.io --output=json": items(
        {"spec": {"driver": SIMULATED["name"], "nodeName": "worker", "devices": DEVICES}}
    ),
    "jsonpath={.status.phase}": "Succeeded",
}
QUOTA = {"name": "workers", "resources": [{"name": "memory", "nominalQuota": "4Gi"}]}
GOOD: dict[str, dict[str, Answer]] = {
    "secure_accelerator_access": {
        "{.items[*].status.phase}": "Succeeded Succeeded Succeeded",
        "--container=claims": "GPU_DEVICE_0=gpu-0\n",
        "--dry-run=server": (1, "is forbidden: violates PodSecurity"),
    },
    "gang_scheduling": {
        "get clusterqueues.kueue.x-k8s.io --output=json": items(
            {"spec": {"resourceGroups": [{"flavors": [QUOTA]}]}}
        ),
        "get resourceflavors": items({"metadata": {"name": "workers"}, "spec": {}}),
        "=='Complete'": "True",
        ".spec.suspend": "true",
        "get pods": items(),
    },
    "gpu_sharing": {"{.items[*].status.phase}": "Running Running", "logs": "GPU_DEVICE_0=gpu-0\n"},
    "robust_controller": {
        "get crd": "{}",
        "=='Ready'": "True",
        "get validatingwebhook": '{"webhooks": [1]}',
        "get clustertrainingruntimes": items({"metadata": {"name": "jax"}}),
        "create wrong": (1, "webhook validator.trainer.kubeflow.org denied the request"),
        "=='Complete'": "True",
    },
    "ai_service_metrics": {"get service": "{}", "/query?": series("42")},
    "accelerator_metrics": {
        "get service": "{}",
        "/query?": series("7", UUID="a", modelName="H100-SIMULATED"),
    },
    "ai_inference": {
        "get gatewayclasses": items(
            {
                "metadata": {"name": "some"},
                "status": {"conditions": [{"type": "Accepted", "status": "True"}]},
            }
        ),
        ".status.parents[0]": "True",
        ".status.addresses[0]": "some.place",
        "logs": "plain steady\n" * 268 + "plain canary\n" * 32 + "header canary\n" * 20,
    },
    "workload_sandboxing": {
        "get runtimeclasses.node.k8s.io --output=json": items(
            {"metadata": {"name": "gvisor"}, "handler": "runsc"}
        ),
        "{.items[*].status.phase}": "Succeeded Succeeded",
        "logs plain": "Linux 6",
        "logs sandboxed": "Linux 4",
    },
    "dra_support": {
        "--raw": json.dumps(
            {
                "resources": [
                    {"name": name}
                    for name in (
                        *("deviceclasses", "resourceclaims"),
                        *("resourceclaimtemplates", "resourceslices"),
                    )
                ]
            }
        ),
        "logs": "GPU_DEVICE_0=gpu-0\n",
    },
    "driver_runtime_management": {"logs": "GPU_DEVICE_0=gpu-0\n"},
}
BAD: list[tuple[str, dict[str, Answer], str]] = [
    (
        "secure_accelerator_access",
        {"logs forged": "GPU_DEVICE_0=gpu-0"},
        "forged/main has no claim",
    ),
    ("secure_accelerator_access", {"--container=beside": "nvidia0"}, "one/beside has no claim"),
    ("secure_accelerator_access", {"--container=claims": "a\nb\n"}, "2 are seen"),
    (
        "secure_accelerator_access",
        {"--dry-run=server": "pod/x created"},
        "should have been refused",
    ),
    ("gang_scheduling", {"get pods": items({"metadata": {"name": "one"}})}, "has a pod"),
    ("gang_scheduling", {"get job conformance-behind": ""}, "the job behind it completes"),
    ("gpu_sharing", {"logs second": "GPU_DEVICE_1=gpu-1\n"}, "different devices"),
    ("robust_controller", {"create wrong": "created"}, "should have been refused"),
    ("robust_controller", {"create wrong": (1, "no route to host")}, "no route to host"),
    ("ai_service_metrics", {"/query?": series("41")}, "41"),
    ("accelerator_metrics", {"/query?": series("7", node="a")}, "no label UUID"),
    ("ai_inference", {"logs": "plain steady\n" * 300 + "header canary\n" * 20}, "canary"),
    ("ai_inference", {"logs": "plain steady\n" * 270 + "plain canary\n" * 50}, "320|Counter"),
    ("workload_sandboxing", {"logs sandboxed": "Linux 6"}, "kernel of the node"),
    ("dra_support", {"--raw": json.dumps({"resources": []})}, "resourceslices"),
    ("dra_support", {"logs": ""}, "0 are seen"),
    ("driver_runtime_management", {"logs": ""}, "was given none"),
]


class Told(cases.Case):
    """A case whose kubectl says what a test wants; of answers that fit the last one is given."""

    answers: Mapping[str, Answer]

    def _run(
        self, args: Sequence[str], given: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        assert seconds > 0
        said = " ".join(args)
        if given:
            said += "".join(
                f" {args[0]} {o['metadata']['name']}" for o in yaml.safe_load_all(given)
            )
        fitting = [answer for part, answer in self.answers.items() if part in said]
        answer = fitting[-1] if fitting else ""
        code, text = answer if isinstance(answer, tuple) else (0, answer)
        return subprocess.CompletedProcess(args, code, text, "")


Run = Callable[[str, Mapping[str, Answer]], Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the test of a requirement against answers; return what it wrote."""
    monkeypatch.setattr(cases, "PAUSE", 0)
    monkeypatch.setattr(test_gang_scheduling, "WINDOW", 0)
    once = cases.Case.until

    def impatient(self: cases.Case, what: str, args: Any, holds: Any, seconds: float = 0) -> str:
        return once(self, what, args, holds, 0 * seconds)

    monkeypatch.setattr(cases.Case, "until", impatient)

    def of(id_: str, answers: Mapping[str, Answer]) -> Result:
        module = import_module(f"tests.conformance.test_{id_}")
        (test,) = [value for name, value in vars(module).items() if name.startswith("test_")]
        made = Told(known(id_), Platform("told", tmp_path, {}, ""))
        made.answers = answers
        raised: BaseException | None = None
        try:
            test(made)
        except (Exception, pytest.fail.Exception, pytest.xfail.Exception) as error:
            raised = error
        return made.write(tmp_path, raised)

    return of


@pytest.mark.parametrize("id_", sorted(GOOD))
def test_what_is_right_is_implemented(run: Run, id_: str) -> None:
    found = run(id_, {**COMMON, **GOOD[id_]})
    assert found.outcome is Outcome.IMPLEMENTED, found.reason
    on_devices = {"dra_support", "driver_runtime_management", "gpu_sharing"}
    on_devices |= {"secure_accelerator_access", "accelerator_metrics"}
    assert found.device is (Device.SIMULATED if id_ in on_devices else Device.NONE)


@pytest.mark.parametrize(("id_", "answers", "said"), BAD)
def test_what_is_wrong_is_noticed(
    run: Run, id_: str, answers: Mapping[str, Answer], said: str
) -> None:
    found = run(id_, {**COMMON, **GOOD[id_], **answers})
    assert found.outcome is Outcome.FAILED
    assert any(part in found.reason for part in said.split("|")), found.reason
