"""The first training job: a person types one command, and a model that works is registered."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.examples.find_trace import find_trace, tags
from tests.conftest import Platform
from tests.journeys.conftest import (
    QUEUE_LABEL,
    Team,
    conditions,
    holds,
    in_shell,
    train,
)
from tests.waiting import wait_for
from tools.paths import REPO, cache

pytestmark = pytest.mark.journey
EPOCHS = 20
SEED = 7


class Trained:
    """What the command said, and what it left behind."""

    def __init__(self, said: str, mlflow: Any) -> None:
        self.said = said
        named = re.search(r"^TrainJob \S+/(\S+) on 2 nodes", said, re.MULTILINE)
        linked = re.search(r"run +(\S+)/#/experiments/(\d+)/runs/([0-9a-f]{32})", said)
        assert named, said
        assert linked, said
        self.job, (self.url, _, run) = named[1], linked.groups()
        self.run = mlflow.get_run(run)


@pytest.fixture(scope="module")
def trained(platform: Platform, team: Team, mlflow: Any) -> Iterator[Trained]:
    done = train(platform, "--epochs", str(EPOCHS), "--seed", str(SEED))
    assert done.returncode == 0, done.stdout + done.stderr
    result = Trained(done.stdout, mlflow)
    yield result
    team.delete(result.job)
    for version in mlflow.search_model_versions(f"run_id = '{result.run.info.run_id}'"):
        mlflow.delete_model_version(version.name, version.version)
    mlflow.delete_run(result.run.info.run_id)


def test_the_command_shows_progress_and_where_to_look(platform: Platform, trained: Trained) -> None:
    for epoch in (1, EPOCHS):
        assert re.search(rf"epoch +{epoch}  loss \d", trained.said)
    assert f"{trained.job} is complete" in trained.said
    assert trained.url == platform.mlflow_url


def test_the_queue_admitted_the_job(platform: Platform, team: Team, trained: Trained) -> None:
    job = team.trainjob(trained.job)
    assert job["metadata"]["labels"][QUEUE_LABEL] == platform.queue
    assert holds(job, "Complete")
    workload = team.workload(trained.job)
    assert workload is not None
    assert workload["spec"]["queueName"] == platform.queue
    assert conditions(workload)["QuotaReserved"]["reason"] == "QuotaReserved"
    assert holds(workload, "Finished")
    (assigned,) = workload["status"]["admission"]["podSetAssignments"]
    assert assigned["count"] == 2
    assert {"cpu", "memory"} <= set(assigned["resourceUsage"])


def test_the_run_is_one_trace_of_both_nodes(team: Team, trained: Trained) -> None:
    named = re.search(r"trace ([0-9a-f]{32})$", trained.said, re.MULTILINE)
    assert named, trained.said
    assert trained.run.data.tags["trace"] == named[1]

    def whole() -> list[dict[str, Any]]:
        spans = find_trace(team.core, named[1])
        return spans if sum(s["operationName"] == "train" for s in spans) == 2 else []

    spans = wait_for("the trace of the run is in the store", whole)
    by_name: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        by_name.setdefault(span["operationName"], []).append(span)
    assert sorted(tags(span)["node"] for span in by_name["train"]) == [0, 1]
    assert len(by_name["epoch"]) == 2 * EPOCHS
    (evaluated,) = by_name["evaluate"]
    assert tags(evaluated)["accuracy"] == trained.run.data.metrics["test_accuracy"]


def test_two_pods_trained_one_model(team: Team, trained: Trained) -> None:
    """Each had its own digits: without exchanged gradients, they would end with other weights."""
    index = "batch.kubernetes.io/job-completion-index"
    pods = {pod.metadata.labels[index]: pod for pod in team.pods(trained.job)}
    assert set(pods) == {"0", "1"}
    weights = set()
    for rank, pod in pods.items():
        assert pod.status.phase == "Succeeded"
        log = team.core.read_namespaced_pod_log(pod.metadata.name, team.namespace)
        assert "is connected to 1 peer ranks" in log  # Gloo's own line
        own = re.search(rf"node {rank} of 2: 718 digits of its own, weights (\w{{16}})", log)
        assert own, log
        weights.add(own[1])
    assert weights == {trained.run.data.tags["weights"][:16]}


def test_the_run_has_parameters_and_a_metric_for_every_epoch(mlflow: Any, trained: Trained) -> None:
    run = trained.run
    assert run.info.status == "FINISHED"
    assert (
        run.data.params.items()
        >= {"epochs": "20", "nodes": "2", "devices": "2", "seed": "7"}.items()
    )
    for metric in ("train_loss", "train_accuracy"):
        history = mlflow.get_metric_history(run.info.run_id, metric)
        assert [point.step for point in history] == list(range(1, EPOCHS + 1))
    loss = [point.value for point in mlflow.get_metric_history(run.info.run_id, "train_loss")]
    assert loss[-1] < loss[0] / 10
    assert run.data.metrics["test_accuracy"] >= 0.95
    assert run.data.tags["trainjob"] == trained.job
    assert run.data.tags["device"] == "none"


def test_the_model_is_registered_without_a_pickle(mlflow: Any, trained: Trained) -> None:
    (version,) = mlflow.search_model_versions(f"run_id = '{trained.run.info.run_id}'")
    assert version.name == "digits"
    assert version.status == "READY"
    assert mlflow.get_model_version_download_uri(version.name, version.version).startswith(
        "mlflow-artifacts:/"
    ), "clients need no keys of the object store"
    files = stored(mlflow, version.source.removeprefix("models:/"))
    assert {"MLmodel", "digits_model.py", "input_example.json", "artifacts/weights.npz"} <= files
    assert not {Path(file).suffix for file in files} & {".pkl", ".pickle", ".pyc"}


def stored(mlflow: Any, model: str, folder: str | None = None) -> set[str]:
    """Paths of all files of a logged model, as MLflow lists them from the object store."""
    files: set[str] = set()
    for entry in mlflow.list_logged_model_artifacts(model, folder):
        files |= stored(mlflow, model, entry.path) if entry.is_dir else {entry.path}
    return files


def test_the_model_answers_held_out_digits_as_it_was_recorded(
    platform: Platform, mlflow: Any, trained: Trained, tmp_path: Path
) -> None:
    """Read back through MLflow by another program on another machine than those that trained."""
    (version,) = mlflow.search_model_versions(f"run_id = '{trained.run.info.run_id}'")
    lock = REPO / "tools" / "python" / "trainer-jax" / "requirements.lock"
    with_wheels_of_the_image = [
        *(str(REPO / "tools" / "uv.sh"), sys.prefix),
        *("run", "--no-project", "--isolated", f"--python={sys.executable}"),
        *("--with-requirements", str(lock), "python"),
    ]
    program = str(Path(__file__).with_name("predict.py"))
    answered = in_shell(
        platform,
        *with_wheels_of_the_image,
        *(program, f"models:/digits/{version.version}", str(SEED)),
        UV_CACHE_DIR=str(cache() / "uv"),
        TMPDIR=str(tmp_path),
    )
    assert answered.returncode == 0, answered.stderr
    answers = json.loads(answered.stdout)
    assert answers["asked"] == 360
    assert answers["digits"] == list(range(10))
    assert answers["accuracy"] == pytest.approx(trained.run.data.metrics["test_accuracy"])
    (pixels,) = answers["inputs"]
    assert pixels["tensor-spec"] == {"dtype": "float64", "shape": [-1, 64]}
