"""A scan of the whole platform finds what was planted in it, and says what it could not see."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config

from tests.conftest import Platform
from tests.waiting import wait_for

pytestmark = pytest.mark.live
REPORTS = ("openreports.io", "v1alpha1")
KEY = "AKIA" + "".join(secrets.choice(string.ascii_uppercase) for _ in range(16))


@pytest.fixture(scope="module")
def api(platform: Platform) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(config_file=str(platform.kubeconfig)) as connection:
        yield connection


@pytest.fixture(scope="module")
def planted(api: client.ApiClient) -> Iterator[str]:
    """A namespace with a Deployment that is one with its node, and a key in a ConfigMap."""
    name, core = f"scan-{secrets.token_hex(3)}", client.CoreV1Api(api)
    container = {"name": "main", "image": "none", "securityContext": {"privileged": True}}
    labels = {"app": "planted"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    core.create_namespace({"metadata": {"name": name}})
    try:
        client.AppsV1Api(api).create_namespaced_deployment(
            name,
            {
                "metadata": {"name": "planted"},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": labels},
                    "template": template,
                },
            },
        )
        data = {"settings": f"aws_access_key_id = {KEY}\n"}
        core.create_namespaced_config_map(name, {"metadata": {"name": "planted"}, "data": data})
        yield name
    finally:
        core.delete_namespace(name)


@pytest.fixture(scope="module")
def scanned(api: client.ApiClient, planted: str) -> str:
    """The namespace, after a scan that was started as `kubectl create job --from` does."""
    batch = client.BatchV1Api(api)
    template = batch.read_namespaced_cron_job("trivy", "trivy").spec.job_template
    name = f"scan-{secrets.token_hex(3)}"
    batch.create_namespaced_job(
        "trivy", {"metadata": {"name": name}, "spec": api.sanitize_for_serialization(template.spec)}
    )

    def ended() -> Any:
        status = batch.read_namespaced_job_status(name, "trivy").status
        said = {c.type for c in status.conditions or () if c.status == "True"}
        return said & {"Complete", "Failed"}

    try:
        assert "Complete" in wait_for(f"{name} ends", ended, 600)
    finally:
        batch.delete_namespaced_job(name, "trivy", propagation_policy="Background")
    return planted


def test_what_was_planted_is_found(api: client.ApiClient, scanned: str) -> None:
    listed = client.CustomObjectsApi(api).list_namespaced_custom_object(
        *REPORTS, scanned, "reports"
    )["items"]
    found = {r["metadata"]["name"]: [f["policy"] for f in r["results"]] for r in listed}
    assert "KSV017" in found["trivy-deployment-planted"]
    assert found["trivy-configmap-planted"] == ["aws-access-key-id"]
    assert KEY not in json.dumps(listed)


def test_every_image_that_runs_has_a_report(api: client.ApiClient, scanned: str) -> None:
    assert scanned
    listed = client.CustomObjectsApi(api).list_cluster_custom_object(*REPORTS, "clusterreports")
    named = {report["scope"]["name"] for report in listed["items"]}
    pods = client.CoreV1Api(api).list_pod_for_all_namespaces(field_selector="status.phase=Running")
    running = {
        status.image
        for pod in pods.items
        for status in pod.status.container_statuses or ()
        if status.image_id
    }
    # The kubelet writes names out, people do not always.
    assert not {image for image in running if not any(image.endswith(name) for name in named)}
    for report in listed["items"]:
        # Of the images that a node came with, its store has no archives any more (ADR 0006).
        said = [f for f in report["results"] if f["category"] in {"image", "vulnerability"}]
        assert all(f["message"] for f in said)
        assert said or report["summary"]["skip"] == 0, "neither compared nor said why not"
