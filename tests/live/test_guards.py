"""Guards, asked of the API server: in a team's namespace, with Kyverno and without it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from components.clusters.shapes import NVIDIA
from components.labels import QUEUE, TENANT
from components.pods import container_security, pod_security, resources
from tests.conftest import Platform
from tests.waiting import wait_for
from tools.paths import REPO

pytestmark = pytest.mark.live
POLICIES = REPO / "policies" / "kyverno"
GPU = {"limits": {NVIDIA: 1}}
CLAIM = [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]
FORGED = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b", "controller": True}]


@pytest.fixture(scope="module")
def api(platform: Platform) -> Iterator[DynamicClient]:
    with config.new_client_from_config(config_file=str(platform.kubeconfig)) as connection:
        yield DynamicClient(connection)


@pytest.fixture(scope="module")
def namespace(api: DynamicClient) -> Iterator[str]:
    """A team without a queue of the name `default`, which Kueue would give to jobs by itself."""
    name = f"guard-{secrets.token_hex(3)}"
    core = client.CoreV1Api(api.client)
    core.create_namespace({"metadata": {"name": name, "labels": {TENANT: name}}})
    try:
        yield name
    finally:
        core.delete_namespace(name)


def pod(**more: Any) -> dict[str, Any]:
    asked = resources("10m", "16Mi")
    asked["limits"].update(more.pop("limits", {}))
    claims = more.pop("resourceClaims", None)
    container = {
        "name": "main",
        "image": "registry.test/none:1",
        "securityContext": container_security(),
        "resources": asked,
    }
    spec = {"restartPolicy": "Never", "securityContext": pod_security(1), "containers": [container]}
    return {**spec, **({"resourceClaims": claims} if claims else {}), **more}


def deployment(spec: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": "case"}
    template = {"metadata": {"labels": labels}, "spec": {**spec, "restartPolicy": "Always"}}
    return {"selector": {"matchLabels": labels}, "template": template}


def jobset(spec: dict[str, Any]) -> dict[str, Any]:
    return {"replicatedJobs": [{"name": "node", "template": {"spec": job(spec)}}]}


def job(spec: dict[str, Any]) -> dict[str, Any]:
    return {"template": {"spec": spec}}


def trainjob(asked: dict[str, Any]) -> dict[str, Any]:
    trainer = {"numNodes": 1, "resourcesPerNode": asked}
    return {"runtimeRef": {"name": "jax-distributed"}, "trainer": trainer}


KINDS = {
    "Pod": ("v1", pod(**GPU)),
    "Job": ("batch/v1", job(pod(**GPU))),
    "claim": ("batch/v1", job(pod(resourceClaims=CLAIM))),
    "Deployment": ("apps/v1", deployment(pod(**GPU))),
    "JobSet": ("jobset.x-k8s.io/v1alpha2", jobset(pod(**GPU))),
    "TrainJob": ("trainer.kubeflow.org/v1alpha1", trainjob(GPU)),
}


def answer(
    api: DynamicClient, namespace: str, kind: str, device: str = NVIDIA, **metadata: Any
) -> str:
    """What the API server says of an object that it is shown and does not keep."""
    version, spec = KINDS[kind]
    spec = json.loads(json.dumps(spec).replace(NVIDIA, device))
    kind = "Job" if kind == "claim" else kind
    body = {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "case", "namespace": namespace, **metadata},
        "spec": spec,
    }
    try:
        api.resources.get(api_version=version, kind=kind).create(
            body=body, namespace=namespace, query_params=[("dryRun", "All")]
        )
    except DynamicApiError as error:
        return str(error.body)
    return "accepted"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_accelerator_is_had_through_a_queue_only(
    api: DynamicClient, namespace: str, kind: str
) -> None:
    assert "CNAI-GPU-001" in answer(api, namespace, kind)
    assert answer(api, namespace, kind, labels={QUEUE: "batch"}) == "accepted"


def test_an_owner_that_is_only_written_down_lets_nobody_past(
    api: DynamicClient, namespace: str
) -> None:
    assert "CNAI-GPU-001" in answer(api, namespace, "Pod", ownerReferences=FORGED)


def test_where_no_team_works_no_guard_stands(api: DynamicClient) -> None:
    assert answer(api, "default", "Job") == "accepted"


@pytest.fixture(scope="module")
def of_kyverno_alone(api: DynamicClient, namespace: str) -> Iterator[str]:
    """A device that a copy of the guard knows and the API server's own does not, for a namespace.

    Kyverno itself decides wherever the native policy is not written yet.
    """
    text = (POLICIES / "cnai-gpu-001.yaml").read_text()
    assert "nvidia[.]com" in text
    copy, name = yaml.safe_load(text.replace("nvidia[.]com", "example[.]com")), f"copy-{namespace}"
    copy["metadata"] = {"name": name}
    copy["spec"]["autogen"]["validatingAdmissionPolicy"] = {"enabled": False}
    only = {"key": TENANT, "operator": "In", "values": [namespace]}
    copy["spec"]["matchConstraints"]["namespaceSelector"] = {"matchExpressions": [only]}
    served = api.resources.get(api_version=copy["apiVersion"], kind=copy["kind"])
    served.create(body=copy)
    try:
        yield "example.com/gpu"
    finally:
        served.delete(name=name)


# A claim names no device: without a queue it is refused by the native policy, which comes first.
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"claim"}))
def test_kyverno_decides_as_the_api_server_does(
    api: DynamicClient, namespace: str, of_kyverno_alone: str, kind: str
) -> None:
    """It has to until the native policy is written, and when that was lost."""

    def said(**metadata: Any) -> str:
        return answer(api, namespace, kind, device=of_kyverno_alone, **metadata)

    wait_for("Kyverno decides by it", lambda: "CNAI-GPU-001" in said(), seconds=60)
    assert "admission webhook" in said()
    assert said(labels={QUEUE: "batch"}) == "accepted"
    assert answer(api, namespace, "claim", labels={QUEUE: "batch"}) == "accepted"


def test_guards_hold_without_kyverno(api: DynamicClient, namespace: str) -> None:
    apps = client.AppsV1Api(api.client)
    where = ("kyverno-admission-controller", "kyverno")

    def scaled(replicas: int) -> None:
        apps.patch_namespaced_deployment_scale(*where, {"spec": {"replicas": replicas}})
        wait_for(
            f"{replicas} pods of Kyverno",
            lambda: (
                (apps.read_namespaced_deployment(*where).status.ready_replicas or 0) == replicas
            ),
        )

    before = apps.read_namespaced_deployment(*where).spec.replicas
    scaled(0)
    try:
        assert "CNAI-GPU-001" in answer(api, namespace, "Deployment")
        assert answer(api, namespace, "Deployment", labels={QUEUE: "batch"}) == "accepted"
        assert answer(api, "default", "Job") == "accepted"
    finally:
        scaled(before)
