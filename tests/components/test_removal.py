"""What a team leaves goes with the team, unless there is nothing to take it away from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components import removal
from components.pods import job
from tests.job_server import job_server, kubeconfig
from tools.errors import ProblemError

JOB = job("mlflow", "mlflow", "remove-red", image="i", command=["true"], user=1)


def deleted(server: str) -> None:
    props = {"job": json.dumps(JOB), "kubeconfig": server, "generation": "g"}
    removal._Provider().delete("remove-red", props)


def test_the_job_runs_when_the_resource_goes_and_is_not_left() -> None:
    with job_server(namespaces={"mlflow": "Active"}) as server:
        deleted(server.kubeconfig)
    assert [made["metadata"]["name"] for made in server.made] == ["remove-red"]
    assert not server.there


@pytest.mark.parametrize("namespaces", [{}, {"mlflow": "Terminating"}])
def test_there_is_nothing_to_do_where_the_server_is_gone(namespaces: dict[str, str]) -> None:
    with job_server(namespaces=namespaces) as server:
        deleted(server.kubeconfig)
    assert not server.made


def test_a_job_that_fails_stops_the_end() -> None:
    known: dict[str, Any] = {"namespaces": {"mlflow": "Active"}, "logs": {"remove-red": None}}
    with job_server(**known) as server, pytest.raises(ProblemError) as error:
        deleted(server.kubeconfig)
    (problem,) = error.value.problems
    assert problem.id == "CNAI-TEAM-011"
    assert "BackoffLimitExceeded" in problem.why
    assert not server.there


def test_a_cluster_that_does_not_answer_may_come_back() -> None:
    with pytest.raises(ProblemError) as error:
        deleted(kubeconfig("http://127.0.0.1:1"))
    assert error.value.problems[0].id == "CNAI-TEAM-011"


def test_another_job_changes_the_resource_and_never_replaces_it() -> None:
    olds = {"job": "one", "generation": "g", "kubeconfig": "k"}
    differ = removal._Provider().diff
    for changed in ({"job": "two"}, {"generation": "h"}):
        seen = differ("id", olds, {**olds, **changed})
        assert seen.changes
        assert not seen.replaces
    assert not differ("id", olds, {**olds, "kubeconfig": "of the same cluster"}).changes
