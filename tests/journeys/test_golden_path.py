"""The golden path, as its page tells it: from features to an answer that is measured and traced."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Platform
from tests.journeys.conftest import Team, in_shell, train
from tools.paths import REPO

pytestmark = pytest.mark.journey
HERE = REPO / "docs" / "examples" / "golden_path"
SEED = 11


def typed(platform: Platform, script: str, *arguments: str) -> str:
    """Run one of the path's scripts as a person would; return what it printed."""
    done = in_shell(platform, sys.executable, str(HERE / script), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kubectl(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    return in_shell(platform, "kubectl", f"--namespace={platform.namespace}", *arguments)


def done(answer: subprocess.CompletedProcess[str]) -> str:
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def features(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the job said that brought the digits into Feast."""
    image = done(
        kubectl(
            platform,
            *("get", "clustertrainingruntime", "jax-distributed", "--output"),
            "jsonpath={.spec.template.spec.replicatedJobs[0]"
            ".template.spec.template.spec.containers[0].image}",
        )
    )
    job = tmp_path_factory.mktemp("features") / "job.yaml"
    job.write_text((HERE / "features-job.yaml").read_text().replace("IMAGE", image))
    script = f"--from-file={HERE / 'features.py'}"
    done(kubectl(platform, "create", "configmap", "digits-features", script))
    done(kubectl(platform, "apply", f"--filename={job}"))
    try:
        waited = kubectl(
            platform, "wait", "--for=condition=complete", "--timeout=10m", "job/digits-features"
        )
        said = done(kubectl(platform, "logs", "job/digits-features"))
        assert waited.returncode == 0, said
        yield said
    finally:
        kubectl(platform, "delete", "job/digits-features", "configmap/digits-features")


@pytest.fixture(scope="module")
def trained(platform: Platform, team: Team, mlflow: Any, features: str) -> Iterator[Any]:
    """The run of a job that read its digits from Feast."""
    assert features
    said = done(train(platform, "--features", "--seed", str(SEED)))
    job, run = re.search(r"TrainJob \S+/(\S+) ", said), re.search(r"/runs/([0-9a-f]{32})", said)
    assert job, said
    assert run, said
    yield mlflow.get_run(run[1])
    team.delete(job[1])
    for version in mlflow.search_model_versions(f"run_id = '{run[1]}'"):
        mlflow.delete_model_version(version.name, version.version)


@pytest.fixture(scope="module")
def served(platform: Platform, trained: Any) -> Iterator[str]:
    """What serve.py said."""
    assert trained
    try:
        yield typed(platform, "serve.py", "--timeout", "600")
    finally:
        kubectl(platform, "delete", "inferenceservice/digits", "--ignore-not-found")


def test_features_are_kept_to_train_on_and_to_serve(features: str) -> None:
    assert "1797 digits to train on, 10 different ones" in features
    assert "digits [0, 1796] are served as they were written" in features


def test_training_read_the_digits_from_feast(trained: Any) -> None:
    assert trained.data.params["features"] == "feast"
    assert trained.data.metrics["test_accuracy"] >= 0.95


def test_the_served_model_answers_held_out_digits_as_mlflow_recorded(
    served: str, trained: Any
) -> None:
    answered = re.search(r"(\d+) of (\d+) held-out digits, accuracy ([\d.]+)", served)
    assert answered, served
    assert int(answered[2]) == 360
    assert float(answered[3]) == pytest.approx(trained.data.metrics["test_accuracy"], abs=1e-4)


def test_its_metric_is_in_prometheus_and_its_trace_is_kept(platform: Platform, served: str) -> None:
    trace = re.search(r"trace ([0-9a-f]{32})", served)
    assert trace, served
    seen = typed(platform, "observe.py", trace[1])
    counted = re.search(r"Prometheus counted (\d+) answers of digits", seen)
    assert counted, seen
    assert int(counted[1]) >= 1
    assert re.search(r"^ +\d+\.\d+ s  \S+", seen, re.MULTILINE), seen


def test_what_takes_an_accelerator_past_the_queue_is_refused(platform: Platform) -> None:
    refused = kubectl(platform, "create", "--dry-run=server", f"--filename={HERE}/unqueued.yaml")
    assert refused.returncode != 0
    assert "CNAI-GPU-001" in refused.stderr


def test_the_same_with_a_queue_is_not(platform: Platform, tmp_path: Path) -> None:
    queued = tmp_path / "queued.yaml"
    label = "  name: unqueued\n  labels: {kueue.x-k8s.io/queue-name: default}\n"
    text = (HERE / "unqueued.yaml").read_text()
    queued.write_text(text.replace("  name: unqueued\n", label))
    said = done(kubectl(platform, "create", "--dry-run=server", f"--filename={queued}"))
    assert "deployment.apps/unqueued created" in said
