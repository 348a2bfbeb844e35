"""A served model gets a second replica while it is asked much, and gives it back afterwards."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client

from docs.examples.golden_path.serve import KIND, PLURAL, service
from tests.conftest import Platform
from tests.forwarding import forwarded
from tests.journeys.conftest import Team, holds, train
from tests.journeys.load import Load, ready_replicas
from tests.waiting import wait_for
from tools.paths import REPO

pytestmark = pytest.mark.journey
NAME = "scaled"
DEPLOYMENT = f"{NAME}-predictor"
SCALED = ("keda.sh", "v1alpha1")
EXAMPLE = REPO / "docs" / "examples" / "scaling.yaml"
DIGIT = {"name": "pixels", "shape": [1, 64], "datatype": "FP64", "data": [0.0] * 64}


def order() -> dict[str, Any]:
    """The example of the guide, for this model."""
    return dict(yaml.safe_load(EXAMPLE.read_text().replace("digits", NAME)))


@pytest.fixture(scope="module")
def model(platform: Platform, team: Team, mlflow: Any) -> Iterator[Any]:
    """A version in the registry."""
    done = train(platform, "--epochs", "1", "--model", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    job, run = (
        re.search(r"TrainJob \S+/(\S+) ", done.stdout),
        re.search(r"runs/(\w{32})", done.stdout),
    )
    assert job, done.stdout
    assert run, done.stdout
    (version,) = mlflow.search_model_versions(f"run_id = '{run[1]}'")
    yield version
    team.delete(job[1])
    mlflow.delete_registered_model(NAME)
    mlflow.delete_run(run[1])


@pytest.fixture(scope="module")
def scaled(platform: Platform, team: Team, model: Any) -> Iterator[client.ApiClient]:
    body = service(NAME, platform.namespace, model)
    body["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] = "external"
    custom, space = team.custom, platform.namespace
    custom.create_namespaced_custom_object(*KIND, space, PLURAL, body)
    try:
        wait_for(
            "the model is served",
            lambda: holds(custom.get_namespaced_custom_object(*KIND, space, PLURAL, NAME), "Ready"),
        )
        custom.create_namespaced_custom_object(*SCALED, space, "scaledobjects", order())
        yield custom.api_client
    finally:
        for kind in ((*SCALED, space, "scaledobjects"), (*KIND, space, PLURAL)):
            with contextlib.suppress(client.ApiException):  # it may not have come to that
                custom.delete_namespaced_custom_object(*kind, NAME)


def test_replicas_follow_the_load(platform: Platform, scaled: client.ApiClient) -> None:
    def replicas() -> int:
        return ready_replicas(scaled, platform.namespace, DEPLOYMENT)

    assert replicas() == 1
    with forwarded(platform, platform.namespace, f"svc/{DEPLOYMENT}", 80) as server:
        url = f"http://{server}/v2/models/{NAME}/infer"
        with Load(url, body={"inputs": [DIGIT]}, callers=2) as load:
            wait_for("a second replica answers", lambda: replicas() == 2, seconds=300)
    assert load.answers[200] > 50
    wait_for("the second replica goes", lambda: replicas() == 1, seconds=300)
