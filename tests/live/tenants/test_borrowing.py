"""What one team does not use another borrows, and gives back when it is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from tests.conftest import Platform
from tests.journeys.conftest import HOLD, Team, conditions, holds, inside_of
from tests.live.tenants.conftest import ASKED, Tenants
from tests.waiting import wait_for
from tools.paths import REPO

pytestmark = pytest.mark.live
EXAMPLE = REPO / "docs" / "examples" / "borrowing.yaml"
JOB = "patient"


@pytest.fixture(scope="module")
def members(tenants: Tenants) -> Iterator[dict[str, Team]]:
    """Both teams, each as its own members see the cluster."""
    made: dict[str, Team] = {}
    for team in ASKED:
        file = str(tenants.platform.home / f"{tenants.stack(team)}.kubeconfig")
        api = config.new_client_from_config(config_file=file)
        made[team] = Team(client.CoreV1Api(api), client.CustomObjectsApi(api), team)
    yield made
    for member in made.values():
        member.core.api_client.close()


def test_a_job_that_gives_back_what_it_borrowed_goes_on_at_its_checkpoint(
    platform: Platform, members: dict[str, Team]
) -> None:
    borrower, lender = members["red"], members["blue"]
    volume, job = yaml.safe_load_all(EXAMPLE.read_text())
    borrower.core.create_namespaced_persistent_volume_claim(borrower.namespace, volume)
    borrower.custom.create_namespaced_custom_object(
        "trainer.kubeflow.org", "v1alpha1", borrower.namespace, "trainjobs", job
    )
    learned = wait_for("it learns on what it borrowed", lambda: said(borrower, r"epoch (1\d) "))
    assert holds(borrower.workload(JOB), "Admitted")

    wanted = lender.submit("default", "128Mi", HOLD, cpu="500m")
    wait_for("the lender has its own back", lambda: holds(lender.workload(wanted), "Admitted"))
    evicted = conditions(borrower.workload(JOB))
    assert evicted["Preempted"]["reason"] == "InCohortReclamation"
    wait_for("the borrower's pod is gone", lambda: not borrower.pods(JOB))
    wait_for(
        "the lender's pods run",
        lambda: [p.status.phase for p in lender.pods(wanted)] == ["Running"] * 2,
    )
    assert not holds(borrower.workload(JOB), "Admitted")

    for pod in lender.pods(wanted):
        inside_of(platform, lender.namespace, pod.metadata.name).check_output("touch /tmp/end")
    kept = wait_for("the borrower goes on", lambda: said(borrower, r"goes on after epoch (\d+)"))
    assert int(kept) >= int(learned)
    wait_for("the borrower's job completes", lambda: holds(borrower.trainjob(JOB), "Complete"))
    accuracy = said(borrower, r"accuracy (0\.\d+)")
    assert float(accuracy) > 0.9
    epochs = re.findall(r"^epoch (\d+) ", log(borrower), re.MULTILINE)
    assert [int(epoch) for epoch in epochs] == list(range(int(kept) + 1, 61))


def log(team: Team) -> str:
    """What the job's pod has said so far; nothing while there is none."""
    for pod in team.pods(JOB):
        if pod.status.phase in {"Running", "Succeeded"}:
            return str(team.core.read_namespaced_pod_log(pod.metadata.name, team.namespace))
    return ""


def said(team: Team, pattern: str) -> Any:
    """The last thing of that form that the job has said."""
    found = re.findall(pattern, log(team))
    return found[-1] if found else None
