"""A training group loses a pod: all of it starts again, and the job still completes."""

from __future__ import annotations

import pytest

from tests.conftest import Platform
from tests.journeys.conftest import HOLD, Team, holds, inside
from tests.waiting import wait_for

pytestmark = pytest.mark.journey


def test_a_lost_pod_starts_the_whole_group_again(platform: Platform, team: Team) -> None:
    job = team.submit(platform.queue, "64Mi", HOLD)

    def running(but: set[str]) -> list[str]:
        """Names of the pods when two run that are not among those named."""
        pods = [pod for pod in team.pods(job) if pod.metadata.name not in but]
        phases = [pod.status.phase for pod in pods]
        return [pod.metadata.name for pod in pods] if phases == ["Running"] * 2 else []

    try:
        first = wait_for("both pods run", lambda: running(set()))
        team.core.delete_namespaced_pod(first[0], team.namespace, grace_period_seconds=0)
        # One process of a group cannot rejoin the others: they too are new.
        second = wait_for("two other pods run", lambda: running(set(first)))
        for pod in second:
            inside(platform, pod).check_output("touch /tmp/end")
        wait_for("the job completes", lambda: holds(team.trainjob(job), "Complete"))
    finally:
        team.delete(job)
