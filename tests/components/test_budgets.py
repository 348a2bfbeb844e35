from __future__ import annotations

from typing import Any

from components.budgets import spent, watch
from components.team import Budget, Team

RED = Team(name="red", tenant=True, budget=Budget(amount=500.0, stops=True))


def made() -> dict[str, dict[str, Any]]:
    found = watch(
        RED,
        "monitoring",
        image="curl:1",
        script="true",
        prometheus="http://p:9090",
        schedule="*/2 * * * *",
    )
    return {manifest["kind"]: manifest for manifest in found}


def test_its_account_may_look_at_and_change_the_queue_of_its_team_and_nothing_else() -> None:
    (rule,) = made()["ClusterRole"]["rules"]
    assert rule == {
        "apiGroups": ["kueue.x-k8s.io"],
        "resources": ["clusterqueues"],
        "verbs": ["get", "patch"],
        "resourceNames": ["red"],
    }
    (subject,) = made()["ClusterRoleBinding"]["subjects"]
    assert (subject["name"], subject["namespace"]) == ("budget-red", "monitoring")


def test_looks_never_overlap_and_end_by_themselves() -> None:
    spec = made()["CronJob"]["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("*/2 * * * *", "Forbid")
    once = spec["jobTemplate"]["spec"]
    assert once["activeDeadlineSeconds"] <= 120
    pod = once["template"]["spec"]
    assert pod["serviceAccountName"] == "budget-red"
    assert pod["automountServiceAccountToken"] is True
    env = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert env["QUEUE"] == "red"


def test_the_question_is_of_the_platforms_own_series() -> None:
    assert spent("red", Budget(amount=500.0)) == (
        'sum(cnai:team_spend:month{cluster_queue="red",currency="USD",namespace=""}) >= bool 500.0'
    )
