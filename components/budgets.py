"""Who ends admission when a team's budget is spent: a CronJob that may change its queue alone.

The holding goes with the budget: :class:`Holding` opens what was held when there is no budget any
more that stops.
"""

from __future__ import annotations

from typing import Any

from pulumi import Input, ResourceOptions, dynamic

from components.access import account, allow, cluster_role
from components.grants import API, GONE
from components.labels import DOMAIN, managed
from components.pods import job
from components.spend import OURS
from components.team import Budget, Team

Manifest = dict[str, Any]
HELD = f"{DOMAIN}/held"
"""Annotation of a ClusterQueue: for what reason the platform holds it."""
USER = 65532


def spent(team: str, budget: Budget) -> str:
    """Return the query that is 1 when the budget is spent, 0 when not, and nothing when unknown."""
    series = f'cnai:team_spend:month{{cluster_queue="{team}",currency="{budget.currency}",{OURS}}}'
    return f"sum({series}) >= bool {budget.amount!r}"


def watch(
    team: Team, namespace: str, *, image: str, script: str, prometheus: str, schedule: str
) -> list[Manifest]:
    """Return the CronJob that looks, with an account that may change this team's queue alone.

    ``schedule`` is in the form of cron, ``prometheus`` a URL inside the cluster.
    """
    assert team.budget is not None
    name = f"budget-{team.name}"
    once = job(
        "prometheus",
        namespace,
        name,
        image=image,
        command=["sh", "-c", script],
        user=USER,
        env=[
            {"name": key, "value": value}
            for key, value in {
                "QUEUE": team.name,
                "SPENT": spent(team.name, team.budget),
                "PROMETHEUS": prometheus,
            }.items()
        ],
    )
    pod = once["spec"]["template"]["spec"]
    pod |= {"serviceAccountName": name, "automountServiceAccountToken": True}
    # The next one looks again: a failed one is left to be seen.
    pod["restartPolicy"] = "Never"
    may = {**allow("kueue.x-k8s.io", ["clusterqueues"], ["get", "patch"])}
    return [
        account(name, namespace),
        *cluster_role(name, namespace, [{**may, "resourceNames": [team.name]}]),
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": managed("prometheus", name),
            },
            "spec": {
                "schedule": schedule,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 300,
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {
                    "spec": {**once["spec"], "backoffLimit": 0, "activeDeadlineSeconds": 120}
                },
            },
        },
    ]


def release(kubeconfig: str, team: str) -> bool:
    """Open a team's queue if it is held for its budget; say whether it was."""
    from components.api_server import ApiServer, RefusedError  # noqa: PLC0415

    server = ApiServer(kubeconfig)
    try:
        queue = server.find(API, "ClusterQueue", team)
    except RefusedError as error:
        if error.status == GONE:
            return False
        raise
    if HELD not in queue["metadata"].get("annotations", {}):
        return False
    change = {"metadata": {"annotations": {HELD: None}}, "spec": {"stopPolicy": "None"}}
    server.patch(f"/apis/{API}/clusterqueues/{team}", change)
    return True


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(props["team"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        return dynamic.DiffResult(changes=olds.get("generation") != news.get("generation"))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult(news)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        release(props["kubeconfig"], props["team"])


class Holding(dynamic.Resource, module="cnai", name="Holding"):
    """The right to hold a team's queue; when it goes, what was held is opened."""

    def __init__(
        self,
        team: str,
        *,
        kubeconfig: Input[str],
        generation: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Begin; nothing is held by this."""
        props: dict[str, Input[Any]] = {
            "team": team,
            "kubeconfig": kubeconfig,
            "generation": generation,
        }
        super().__init__(_Provider(), team, props, opts)
