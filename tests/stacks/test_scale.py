"""The benchmark of many teams: its plan, its ledger, its figures, its page and its picture."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from addons import script
from components.api_server import ApiServer, RefusedError
from components.clusters.shapes import NVIDIA
from components.labels import FAKE_NODE, QUEUE
from stacks.cli.bench_teams import SHAPE, Own, settings
from stacks.compose import chosen
from stacks.scale import plan
from stacks.scale.findings import Sample, contended, jain, sample, share, speed
from stacks.scale.ledger import Ledger, Queue, held, queue, whole
from stacks.scale.load import Changes
from stacks.scale.network import PATH, change, settled
from stacks.scale.page import page
from stacks.scale.plot import picture
from stacks.scale.servers import footprint, not_ready, taken
from stacks.settings import load
from tools.errors import ProblemError
from tools.paths import REPO
from tools.supply import Mode

GPU = ("h100", NVIDIA)


@given(st.integers(1, 60), st.integers(60, 8000), st.integers())
def test_what_teams_are_guaranteed_fits(count: int, accelerators: int, seed: int) -> None:
    made = plan.teams(count, accelerators, seed)
    assert len({team.name for team in made}) == count
    assert sum(team.gpus for team in made) <= accelerators


@given(st.integers(1, 40), st.integers(0, 500), st.integers())
def test_all_jobs_are_sent_and_each_is_told_apart(count: int, jobs: int, seed: int) -> None:
    made = plan.jobs(plan.teams(count, 8000, seed), jobs, seed)
    assert len({(job.team, job.name) for job in made}) == jobs
    assert all(1 <= job.gpus <= 8 for job in made)


def test_the_plan_of_the_page_is_the_one_of_the_issue() -> None:
    teams = plan.teams(50, 8000, 5)
    assert all(100 <= team.gpus <= 160 for team in teams)
    jobs = plan.jobs(teams, 10_000, 5)
    assert jobs == plan.jobs(teams, 10_000, 5)
    pods = Counter[str]()
    for job in jobs:
        pods[job.team] += job.pods
    # What has ended counts as well: a namespace holds 500 pods.
    assert max(pods.values()) < 500
    assert max(pods.values()) > 5 * min(pods.values())
    # Together they want far more than there is, and can have it within the hour.
    assert 900 < plan.shortest(jobs, 8000) < 2400


def test_at_first_all_teams_send_and_at_last_those_that_flood() -> None:
    teams = plan.teams(10, 160, 1)
    jobs = plan.jobs(teams, 1000, 1)
    assert {job.team for job in jobs[:10]} == {team.name for team in teams}
    flood = {team.name for team in teams if team.appetite is plan.Appetite.FLOOD}
    assert {job.team for job in jobs[-50:]} == flood


def test_a_job_goes_to_simulated_nodes_and_ends_by_the_annotation_that_they_know() -> None:
    made = plan.manifest(plan.JobPlan(team="a", name="j", pods=2, gpus=8, seconds=90))
    pod = made["spec"]["template"]
    assert made["metadata"]["labels"][QUEUE] == plan.LOCAL_QUEUE
    assert made["spec"]["suspend"]
    (ends,) = pod["metadata"]["annotations"]
    assert ends in script("kwok", "stages.yaml")
    assert pod["spec"]["tolerations"][0]["key"] == FAKE_NODE
    assert pod["spec"]["containers"][0]["resources"]["limits"][NVIDIA] == "8"


def test_the_stack_is_one_that_can_be_had_from_source() -> None:
    made = load(settings(1000))
    assert made.pools[0].shape == SHAPE
    assert {"kueue", "kwok"} <= {addon.name for addon in chosen(made, Mode.SOURCE)}


def test_a_command_that_fails_ends_the_benchmark_and_says_where_its_words_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNAI_HOME", str(tmp_path))
    own = Own()
    own.stacks.mkdir(parents=True)
    with pytest.raises(ProblemError, match="CNAI-BENCH-001"):
        own.must("explain", "nothing-of-that-name")
    assert "CNAI-CONFIG-005" in (own.folder / "cnai.log").read_text()


def cluster_queue(name: str, nominal: int, borrowing: int | None = None, **more: Any) -> Queue:
    resource = {"name": NVIDIA, "nominalQuota": str(nominal)}
    if borrowing is not None:
        resource["borrowingLimit"] = str(borrowing)
    flavors = [{"name": "h100", "resources": [resource]}]
    return queue(
        {
            "metadata": {"name": name},
            "spec": {"resourceGroups": [{"flavors": flavors}], **more},
            "status": {
                "pendingWorkloads": 3,
                "flavorsReservation": [
                    {"name": "h100", "resources": [{"name": NVIDIA, "total": "5", "borrowed": "1"}]}
                ],
            },
        }
    )


def test_a_queue_is_read_by_its_own_words() -> None:
    seen = cluster_queue("a", 4, 2, fairSharing={"weight": "1500m"})
    assert (seen.nominal, seen.most) == ({GPU: Decimal(4)}, {GPU: Decimal(6)})
    assert (seen.weight, seen.used, seen.pending) == (Decimal("1.5"), {GPU: Decimal(5)}, 3)
    assert cluster_queue("b", 4).most == {}
    assert whole([seen, cluster_queue("b", 4)]) == {GPU: Decimal(8)}


def workload(uid: str, of: str, gpus: int, **status: Any) -> dict[str, Any]:
    conditions = {"QuotaReserved": "True", **status.pop("conditions", {})}
    at = "2026-01-01T00:01:00Z"
    assignment = {
        "name": "main",
        "count": 2,
        "flavors": {NVIDIA: "h100"},
        "resourceUsage": {NVIDIA: str(gpus)},
    }
    return {
        "type": "MODIFIED",
        "object": {
            "metadata": {"uid": uid, "creationTimestamp": "2026-01-01T00:00:30Z"},
            "status": {
                "admission": {"clusterQueue": of, "podSetAssignments": [assignment]},
                "conditions": [
                    {"type": t, "status": s, "lastTransitionTime": at}
                    for t, s in conditions.items()
                ],
                **status,
            },
        },
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, 4),
        ({"reclaimablePods": [{"name": "main", "count": 1}]}, 2),
        ({"conditions": {"Finished": "True"}}, 0),
        ({"conditions": {"QuotaReserved": "False"}}, 0),
    ],
)
def test_what_a_workload_holds(status: dict[str, Any], expected: int) -> None:
    assert sum(held(workload("1", "a", 4, **status)["object"]).values()) == expected


def ledger(*events: dict[str, Any], borrowing: int | None = 2) -> Ledger:
    queues = {n: cluster_queue(n, 4, borrowing) for n in ("a", "b")}
    made = Ledger()
    for event in events:
        made.take(event, queues, whole(queues.values()))
    return made


def test_a_state_in_which_a_team_has_more_than_it_may_borrow_is_counted() -> None:
    assert ledger(workload("1", "a", 4), workload("2", "a", 2)).over_limit == 0
    assert ledger(workload("1", "a", 4), workload("2", "a", 3)).over_limit == 1
    assert ledger(workload("1", "a", 4), workload("2", "a", 3), borrowing=None).over_limit == 0


def test_a_state_in_which_all_have_more_than_there_is_is_counted() -> None:
    first, second = workload("1", "a", 4), workload("2", "b", 5)
    ended = workload("1", "a", 4, conditions={"Finished": "True"})
    assert ledger(first, second).over_capacity == 1
    assert ledger(first, ended, second).over_capacity == 0
    # Given back a moment too late is too late.
    assert ledger(first, second, ended).over_capacity == 1
    gone = {**first, "type": "DELETED"}
    assert ledger(first, gone, second).over_capacity == 0


def test_who_was_told_to_go_and_has_not_gone_is_counted_apart() -> None:
    going = workload("1", "a", 4, conditions={"Evicted": "True"})
    made = ledger(workload("1", "a", 4), going, workload("2", "b", 6))
    assert (made.over_capacity, made.over_with_leaving) == (0, 1)
    assert made.most_over == {GPU: Decimal(2)}
    # It came back: now it counts again.
    assert ledger(going, workload("2", "b", 6), workload("1", "a", 4)).over_capacity == 1


def test_evictions_are_told_from_ends() -> None:
    held_, ended = workload("1", "a", 4), workload("1", "a", 4, conditions={"Finished": "True"})
    evicted = workload("1", "a", 4, conditions={"QuotaReserved": "False"})
    assert ledger(held_, ended).evictions == 0
    assert ledger(held_, evicted, held_, ended).evictions == 1


def test_speed_is_counted_from_the_first_job() -> None:
    made = ledger(workload("1", "a", 4, conditions={"Finished": "True"}), workload("2", "a", 1))
    told = speed([], made, sent=2, took=1.0)
    assert (told["admitted"], told["admitted_seconds"], told["finished"]) == (2, 30.0, 1)
    assert told["wait_seconds_most"] == 30.0


def test_a_sample_tells_of_queues_that_say_too_much() -> None:
    tight = {"a": cluster_queue("a", 4, 0), "b": cluster_queue("b", 4, 1)}
    seen = sample(1.04, ledger(workload("1", "a", 4)), tight)
    assert (seen.at, seen.used, seen.told_over) == (1.0, {"a": 4, "b": 0}, ("a",))


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=50))
def test_fairness_lies_between_one_for_all_and_all_for_one(values: list[float]) -> None:
    assert 1 / len(values) - 1e-9 <= jain(values) <= 1 + 1e-9


def test_fairness_of_equals_is_one_and_of_one_among_four_a_quarter() -> None:
    assert jain([3, 3, 3]) == 1
    assert jain([1, 0, 0, 0]) == 0.25


def seen(at: float, a: int, b: int, pending: int = 1) -> Sample:
    return Sample(
        at=at,
        used={"a": a, "b": b},
        pending={"a": pending, "b": 1},
        admitted=1,
        finished=0,
    )


def test_shares_are_looked_at_while_all_want_more_and_nothing_is_left() -> None:
    samples = [seen(0, 1, 0), seen(1, 6, 2), seen(2, 2, 6), seen(3, 8, 0, pending=0)]
    assert [s.at for s in contended(samples, ["a", "b"], 8)] == [1, 2]
    told = share(samples, ["a", "b"], {n: cluster_queue(n, 4) for n in "ab"}, 8)
    assert (told["samples"], told["from_second"], told["to_second"]) == (2, 1, 2)
    assert told["of_guaranteed"] == {"least": 1.0, "median": 1.0, "most": 1.0, "jain": 1.0}
    assert share(samples[:1], ["a", "b"], {}, 8) == {"teams": 2, "samples": 0}


class Answers(ApiServer):
    """An API server that answers from a list."""

    def __init__(self, answers: Iterator[Any]) -> None:
        self.answers, self.asked = answers, list[str]()

    def text(self, path: str, **_: Any) -> str:
        self.asked.append(path)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return "\n".join(json.dumps(one) for one in answer)


def event(version: str, type_: str = "MODIFIED") -> dict[str, Any]:
    return {"type": type_, "object": {"metadata": {"resourceVersion": version}}}


def test_no_change_is_missed_between_two_looks() -> None:
    listed = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"uid": "1"}}]}
    told = [[listed], [event("8"), event("9")], RefusedError(500, "Busy", ""), [], [event("10")]]
    server = Answers(iter(told))
    changes = Changes(server)
    assert changes.next()[0]["type"] == "ADDED"
    assert len(changes.next()) == 2
    with pytest.raises(RefusedError):
        changes.next()
    assert changes.next() == []
    assert changes.next() == [event("10")]
    assert [path.rsplit("=", 1)[-1] for path in server.asked[1:]] == ["7", "9", "9", "9"]


def test_after_what_the_store_forgot_all_is_read_anew() -> None:
    listed = {"metadata": {"resourceVersion": "7"}, "items": []}
    server = Answers(iter([[listed], [event("", "ERROR")], [listed]]))
    changes = Changes(server)
    assert [changes.next() for _ in range(3)] == [[], [], []]
    assert "watch" not in server.asked[-1]


def test_servers_are_added_up_and_one_that_began_again_is_not_counted_twice() -> None:
    def look(mib: int, cores: int) -> dict[str, tuple[float, float]]:
        container = {
            "name": "main",
            "memory": {"workingSetBytes": mib * 2**20},
            "cpu": {"usageCoreNanoSeconds": cores * 10**9},
        }
        pod = {"podRef": {"namespace": "kueue-system"}, "containers": [container]}
        return taken([{"pods": [pod]}])

    told = footprint([(0, look(10, 5)), (10, look(30, 8)), (20, look(20, 1))])
    assert told == {"kueue-system": {"mib_most": 30, "cores_mean": 0.15}}


def test_a_node_that_says_nothing_is_not_ready() -> None:
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert not_ready([ready, {"status": {}}, {}]) == 2


FOUND = {
    "date": "2026-01-01",
    "machine": "2 cores",
    "plan": {
        **{"teams": 2, "nodes": 1, "shape": SHAPE, "accelerators": 8, "jobs": 3, "pods": 4},
        **{"shortest": 1, "longest": 2, "shortest_possible": 1, "addons": "Kueue"},
    },
    "fork": {"seconds": [3.0, 4.0, 9.0], "first": 3.0, "median": 4.0, "last": 9.0},
    "quota": {
        **{"samples": 5, "changes": 6, "times_over_capacity": 0, "times_over_limit": 17},
        **{"times_over_with_leaving": 2, "most_over_with_leaving": 7},
        **{"samples_told_over_limit": 0, "capacity": 8, "most_in_use": 8},
    },
    "share": {
        "all teams": share([seen(1, 4, 4)], ["a", "b"], {n: cluster_queue(n, 4) for n in "ab"}, 8),
        "the teams that flood": {"teams": 1, "samples": 0},
    },
    "load": speed([], ledger(workload("1", "a", 4)), 3, 1.0),
    "nodes": {"nodes": 4, "looks": 2, "most_not_ready": 0},
    "servers": {"etcd": {"mib_most": 100, "cores_mean": 0.5}},
    "well": False,
    "minutes": 60,
}


def test_the_page_says_what_was_found_also_when_it_is_bad() -> None:
    text = page(FOUND)
    assert "| the last | 20 | 9.0 |" in text
    assert "nominal and borrowing limit | 17 |" in text
    assert "the teams that flood (1) | at no time" in text
    assert "the platform is not well" in text
    assert "| etcd | 100 | 0.50 |" in text


def test_the_picture_shows_every_team_and_is_the_same_each_time() -> None:
    teams = plan.teams(12, 160, 1)
    samples = [
        Sample(
            at=n, used={t.name: t.gpus + n % 3 for t in teams}, pending={}, admitted=0, finished=0
        )
        for n in range(1000)
    ]
    drawn = picture(samples, teams, 160)
    assert drawn == picture(samples, teams, 160)
    titles = [found.text for found in ElementTree.fromstring(drawn).iter() if "title" in found.tag]
    assert sorted(str(title) for title in titles) == [team.name for team in teams]
    assert len(drawn) < 200_000


def test_policies_end_and_the_rest_of_the_network_stays() -> None:
    manifests = (REPO / "tools/node/kind/manifests/default-cni.yaml").read_text()
    network = next(
        m
        for m in yaml.safe_load_all(manifests.replace("{{", "").replace("}}", ""))
        if m["kind"] == "DaemonSet"
    )
    place = network["metadata"]
    assert PATH.endswith(f"/namespaces/{place['namespace']}/daemonsets/{place['name']}")
    (before,) = network["spec"]["template"]["spec"]["containers"]
    (after,) = change(network)["spec"]["template"]["spec"]["containers"]
    assert set(before["args"]) - set(after["args"]) == {"--run-firewall=true"}
    assert set(after["args"]) - set(before["args"]) == {"--run-firewall=false"}
    assert {**after, "args": before["args"]} == before


def test_a_network_has_settled_when_all_nodes_have_what_was_said_last() -> None:
    counts = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
    status = {"observedGeneration": 2, **counts}
    assert settled({"metadata": {"generation": 2}, "status": status})
    assert not settled({"metadata": {"generation": 3}, "status": status})
    for name in ("updatedNumberScheduled", "numberAvailable"):
        assert not settled({"metadata": {"generation": 2}, "status": {**status, name: 2}})
