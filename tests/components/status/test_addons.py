from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from components.status.addons import Expected, addon_status
from components.status.pods import trouble
from components.status.report import AddonStatus, Claim
from tests.components.status.objects import (
    LATER,
    THEN,
    Object,
    deployment,
    namespace,
    observed,
    pod,
)

HELD = Claim(claim="it answers", held=True, evidence="200")
FAILED = Claim(claim="it answers", held=False, evidence="503")


def mlflow(*claims: Claim, **kinds: list[Object]) -> AddonStatus:
    expected = Expected(
        name="mlflow", title="t", namespace="mlflow", want="2", have="2", claims=claims
    )
    return addon_status(expected, observed(Namespace=[namespace("mlflow")], **kinds))


def test_ready_means_that_all_pods_are_there_and_every_claim_held() -> None:
    found = mlflow(
        HELD,
        Deployment=[deployment("mlflow", "mlflow", 2, 2)],
        Pod=[pod("a", "mlflow", ready=True), pod("b", "mlflow", ready=True, at=LATER)],
    )
    assert (found.ready, found.health, found.reason) == (True, "ready", None)
    assert (found.deployed.want, found.deployed.have) == (2, 2)
    assert found.since == datetime.fromisoformat(LATER)


def test_deployed_and_not_ready_are_two_words() -> None:
    found = mlflow(FAILED, Deployment=[deployment("mlflow", "mlflow", 1, 1)])
    assert (found.deployed.have, found.ready, found.health) == (1, False, "not ready")
    assert found.reason == "it answers: no; 503"


def test_a_pod_that_is_missing_is_named_with_its_reason() -> None:
    broken = pod(
        "mlflow-x",
        "mlflow",
        ready=False,
        at=LATER,
        containerStatuses=[{"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
    )
    found = mlflow(FAILED, Deployment=[deployment("mlflow", "mlflow", 1, 0)], Pod=[broken])
    assert (found.ready, found.health) == (False, "not deployed")
    assert found.reason == "Deployment mlflow 0/1; pod mlflow-x: CrashLoopBackOff"
    assert found.since == datetime.fromisoformat(LATER)


def test_a_claim_that_held_does_not_make_ready_what_is_not_deployed() -> None:
    assert not mlflow(HELD, Deployment=[deployment("mlflow", "mlflow", 1, 0)]).ready


def test_what_a_controller_has_not_seen_yet_is_not_deployed() -> None:
    stale = deployment("mlflow", "mlflow", 1, 1)
    stale["status"]["observedGeneration"] = 0
    assert mlflow(HELD, Deployment=[stale]).health == "not deployed"


def test_workloads_belong_to_an_addon_by_label_before_namespace() -> None:
    other = deployment("other", "mlflow", 1, 0, labels={"cnai.dev/addon": "other"})
    afar = deployment("afar", "elsewhere", 1, 1, labels={"cnai.dev/addon": "mlflow"})
    found = mlflow(HELD, Deployment=[other, afar])
    assert (found.ready, found.deployed.want) == (True, 1)


def test_pods_of_jobs_are_meant_to_end() -> None:
    done = pod("job-x", "mlflow", ready=False)
    done["metadata"]["ownerReferences"] = [{"kind": "Job"}]
    assert mlflow(HELD, Pod=[done]).since == datetime.fromisoformat(THEN)


def test_pods_of_a_daemonset_are_counted_where_they_ought_to_be() -> None:
    agents = {
        "metadata": {"name": "agent", "namespace": "mlflow", "generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1, "desiredNumberScheduled": 3, "numberReady": 2},
    }
    found = mlflow(HELD, DaemonSet=[agents])
    assert (found.deployed.have, found.deployed.want, found.health) == (2, 3, "not deployed")


@pytest.mark.parametrize(
    ("want", "have", "there", "health"),
    [
        ("2", None, False, "absent"),
        ("2", None, True, "not ready"),
        ("2", "1", True, "outdated"),
        (None, "1", True, "left over"),
    ],
)
def test_what_settings_and_state_say_is_a_word(
    want: str | None, have: str | None, there: bool, health: str
) -> None:
    expected = Expected(
        name="a", title="t", namespace="a", want=want, have=have, claims=[HELD] if want else []
    )
    found = addon_status(expected, observed(Namespace=[namespace("a")] if there else []))
    assert (found.health, found.ready) == (health, health == "outdated")
    assert found.reason


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"phase": "Pending"}, "pod p is starting"),
        ({"reason": "Evicted", "message": "low on memory"}, "pod p: Evicted low on memory"),
        (
            {"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 137}}}]},
            "pod p: c ended with exit code 137",
        ),
        (
            {"containerStatuses": [{"name": "c", "state": {"running": {}}}]},
            "pod p runs and is not ready",
        ),
        (
            {
                "initContainerStatuses": [
                    {"name": "i", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
                ],
                "containerStatuses": [
                    {"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}}
                ],
            },
            "pod p: ImagePullBackOff",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no room"}]},
            "pod p is not scheduled: no room",
        ),
    ],
)
def test_the_matter_with_a_pod(status: dict[str, Any], said: str) -> None:
    assert trouble(pod("p", "a", ready=False, **status)) == said


def test_a_pod_that_is_being_deleted_is_ending() -> None:
    ending = pod("p", "a", ready=True)
    ending["metadata"]["deletionTimestamp"] = LATER
    assert trouble(ending) == "pod p is ending"
