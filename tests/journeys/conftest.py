"""What the journeys share: clients of the platform, and the command that a person types."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import testinfra
from kubernetes import client, config

from stacks.cli.login import mlflow as login
from tests.conftest import Platform
from tests.waiting import wait_for
from tools.paths import REPO

EXAMPLE = REPO / "docs" / "examples" / "train_digits.py"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
TRAINER = ("trainer.kubeflow.org", "v1alpha1")
KUEUE = ("kueue.x-k8s.io", "v1beta2")
# The jobs train nothing: they hold their quota until they are told to end. One that is killed has
# not done its work: a process that ends well by TERM would count as complete.
HOLD = ["bash", "-c", "trap 'exit 143' TERM; until [ -e /tmp/end ]; do sleep 0.2; done"]


@dataclass(frozen=True)
class Team:
    """The platform's cluster, seen from the team's namespace."""

    core: client.CoreV1Api
    custom: client.CustomObjectsApi
    namespace: str

    def trainjob(self, name: str) -> dict[str, Any]:
        return dict(
            self.custom.get_namespaced_custom_object(*TRAINER, self.namespace, "trainjobs", name)
        )

    def workload(self, trainjob: str) -> dict[str, Any] | None:
        """The Kueue Workload of a TrainJob, when Kueue has made it."""
        listed = self.custom.list_namespaced_custom_object(*KUEUE, self.namespace, "workloads")
        for item in listed["items"]:
            owners = item["metadata"].get("ownerReferences", [])
            if any((o["kind"], o["name"]) == ("TrainJob", trainjob) for o in owners):
                return dict(item)
        return None

    def pods(self, trainjob: str) -> list[Any]:
        label = f"jobset.sigs.k8s.io/jobset-name={trainjob}"
        return list(self.core.list_namespaced_pod(self.namespace, label_selector=label).items)

    def submit(self, queue: str, memory: str, command: list[str], cpu: str = "50m") -> str:
        """Create a TrainJob of two pods, each of which asks for so much; return its name."""
        name = f"queue-{secrets.token_hex(3)}"
        resources = {"cpu": cpu, "memory": memory}
        job = {
            "apiVersion": "/".join(TRAINER),
            "kind": "TrainJob",
            "metadata": {"name": name, "labels": {QUEUE_LABEL: queue}},
            "spec": {
                "runtimeRef": {"name": "jax-distributed"},
                "trainer": {
                    "numNodes": 2,
                    "command": command,
                    "resourcesPerNode": {"requests": resources, "limits": {"memory": memory}},
                },
            },
        }
        self.custom.create_namespaced_custom_object(*TRAINER, self.namespace, "trainjobs", job)
        return name

    def delete(self, trainjob: str) -> None:
        """Delete a TrainJob and wait until its pods are gone, so that its quota is free."""
        try:
            self.custom.delete_namespaced_custom_object(
                *TRAINER, self.namespace, "trainjobs", trainjob
            )
        except client.ApiException as error:
            if error.status != 404:
                raise
        wait_for(f"the pods of {trainjob} are gone", lambda: not self.pods(trainjob))


def conditions(resource: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The conditions of a resource by type; none when there is no resource."""
    listed = (resource or {}).get("status", {}).get("conditions", [])
    return {condition["type"]: condition for condition in listed}


def holds(resource: dict[str, Any] | None, condition: str) -> bool:
    return conditions(resource).get(condition, {}).get("status") == "True"


def in_shell(platform: Platform, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the shell of a person who has typed `eval "$(cnai env)"`."""
    script = 'eval "$(cnai env "$0")" && exec "$@"'
    return subprocess.run(
        ["bash", "-c", script, platform.stack, *command],
        env={**platform.env, **more},
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def train(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example as a person would."""
    return in_shell(
        platform, sys.executable, str(EXAMPLE), "--see", platform.mlflow_url, *arguments
    )


def inside(platform: Platform, pod: str) -> Any:
    return inside_of(platform, platform.namespace, pod)


def inside_of(platform: Platform, namespace: str, pod: str) -> Any:
    """A pod of a TrainJob, as testinfra looks into it."""
    return testinfra.get_host(
        f"kubectl://{pod}?namespace={namespace}&container=node",
        kubeconfig=str(platform.kubeconfig),
    )


@pytest.fixture(autouse=True)
def kubectl_on_path(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """testinfra runs the kubectl that it finds."""
    monkeypatch.setenv("PATH", str(platform.home / "bin"), prepend=os.pathsep)


@pytest.fixture(scope="session")
def team(platform: Platform) -> Iterator[Team]:
    api = config.new_client_from_config(config_file=str(platform.kubeconfig))
    with api:
        yield Team(client.CoreV1Api(api), client.CustomObjectsApi(api), platform.namespace)


@pytest.fixture(scope="session")
def mlflow(platform: Platform) -> Iterator[Any]:
    """A client of the platform's MLflow, as the host reaches it and the platform's team."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports touch what other packages have deprecated
        from mlflow import MlflowClient  # noqa: PLC0415
    with pytest.MonkeyPatch.context() as patch:
        for name, value in login(platform.kubeconfig, platform.namespace).items():
            patch.setenv(name, value)
        yield MlflowClient(platform.mlflow_url)
