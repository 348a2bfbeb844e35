"""The page of the documentation about a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORK_BUDGET = 20
"""Seconds within which a team is forked and up on 2 cores and 24 GiB, the last one as well."""
HEAD = """\
# Many teams on many accelerators

Written by `make bench-teams` on {date}: {machine}. The nodes and their accelerators are simulated
by KWOK; API server, scheduler, Kueue and all that decides are real.

{teams} teams were forked one after the other on a cluster with {nodes} nodes of shape {shape}
({accelerators} accelerators), as a person does it: `cnai fork`, `cnai up`. Then they sent
{jobs} jobs with {pods} pods, which ask for 1 to 8 accelerators each and run for {shortest} to
{longest} s: three teams of ten flood, four have steady work, three want little. The platform is
small ({addons}), so a fork here makes no servers of Feast and no workspace in MLflow.
While the jobs run, network policies are not written: kube-router writes all of them anew on every
node whenever a pod starts or ends. Simulated pods send nothing, and for 50 teams on two cores it
took 40 % of them. Many short jobs of many teams want another network than a laptop's.

![Accelerators in use by team over time](teams-benchmark.svg)
"""
QUOTA = """\
## No quota exceeded

Every change of every workload is read from the API server in the order of its store, and the state
after each is held against what the ClusterQueues say: a team may use its nominal quota and what it
may borrow, all together what all are guaranteed. Kueue gives quota away in the scheduling cycle in
which it tells its holder to go; the holder has it until its pods have ended, and the pods of who
came meanwhile wait for a node. Beside that, each second the queues' own statuses are read.

| | |
|---|---|
| changes looked at | {changes} |
| states in which those who stay held more together than there is | {times_over_capacity} |
| the same with those who were told to go and had not ended yet \
| {times_over_with_leaving}, by at the most {most_over_with_leaving} accelerators |
| states in which a team held more than nominal and borrowing limit | {times_over_limit} |
| samples of the queues' statuses | {samples} |
| of them with a queue above nominal and borrowing limit | {samples_told_over_limit} |
| most accelerators in use at a sample | {most_in_use} of {capacity} |
"""
FAIR = """\
## Fair share

While all of them have jobs that wait and 95 % of the accelerators are in use: what each team has of
what it is guaranteed, and what it has beside that for each unit of its weight. Jain's index is 1
when all have the same.

| Who | Seconds | Of its guaranteed part: least, median, most | Jain | Borrowed by weight: least, \
median, most | Jain |
|---|---|---|---|---|---|
"""


def page(found: Mapping[str, Any]) -> str:
    """Return the page for what a run found."""
    fork, load, nodes = found["fork"], found["load"], found["nodes"]
    lines = [
        HEAD.format(date=found["date"], machine=found["machine"], **found["plan"]),
        "## Forks\n",
        "| Fork and up | Budget (s) | Measured (s) |",
        "|---|---|---|",
        f"| the first | {FORK_BUDGET} | {fork['first']} |",
        f"| the median of {len(fork['seconds'])} | {FORK_BUDGET} | {fork['median']} |",
        f"| the last | {FORK_BUDGET} | {fork['last']} |",
        f"| the slowest | {FORK_BUDGET} | {max(fork['seconds'])} |",
        "",
        QUOTA.format(**found["quota"]),
        FAIR + "\n".join(_fair(who, said) for who, said in found["share"].items()),
        "",
        "## Throughput\n",
        "| | |",
        "|---|---|",
        f"| sent | {load['sent']} jobs in {load['sent_seconds']:.0f} s |",
        f"| admitted | {load['admitted']} after {load['admitted_seconds']:.0f} s |",
        f"| finished | {load['finished']} after {load['finished_seconds']:.0f} s;"
        f" with no accelerator ever idle: {found['plan']['shortest_possible']:.0f} s |",
        f"| admissions per second | {load['admissions_per_second']} in the mean,"
        f" {load['admissions_per_second_best_minute']} in the best minute |",
        f"| most jobs that waited at a time | {load['most_pending']} |",
        f"| a job waited | {load['wait_seconds_median']:.0f} s in the median,"
        f" {load['wait_seconds_most']:.0f} s at the most |",
        f"| evicted so that others have their part | {load['evictions']} |",
        "",
        "## The platform meanwhile\n",
        f"Of {nodes['nodes']} nodes at the most {nodes['most_not_ready']} were not ready at any of"
        f" {nodes['looks']} looks. At the end `cnai status` said that the platform is"
        f" {'well' if found['well'] else 'not well'}.\n",
        "| Server | MiB at the most | Cores in the mean |",
        "|---|---|---|",
        *[
            f"| {name} | {of['mib_most']} | {of['cores_mean']:.2f} |"
            for name, of in found["servers"].items()
        ],
        "",
        f"To run it again: `make bench-teams`, some {found['minutes']} minutes on this machine. The"
        " plan follows from a seed; figures: [teams-benchmark.json](teams-benchmark.json).",
    ]
    return "\n".join(lines) + "\n"


def _fair(who: str, said: Mapping[str, Any]) -> str:
    if not said["samples"]:
        return f"| {who} ({said['teams']}) | at no time | | | | |"
    had, more = said["of_guaranteed"], said["borrowed_by_weight"]
    return (
        f"| {who} ({said['teams']}) | {said['from_second']:.0f} to {said['to_second']:.0f} |"
        f" {had['least']}, {had['median']}, {had['most']} | {had['jain']} |"
        f" {more['least']}, {more['median']}, {more['most']} | {more['jain']} |"
    )
