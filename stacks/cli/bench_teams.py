"""`cnai bench-teams`: fork many teams on many simulated nodes, load them, write what was seen.

It works in a home and with stack files of its own: nothing of this checkout's stacks is touched.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from components.clusters.shapes import SHAPES
from stacks.cli import say
from stacks.scale import plan
from stacks.scale.findings import accelerators, quota, share, speed
from stacks.scale.ledger import whole
from stacks.scale.load import Watcher, send
from stacks.scale.network import without_policies
from stacks.scale.page import page
from stacks.scale.plot import picture
from stacks.scale.servers import Looks, footprint
from tools import host
from tools.errors import Problem, ProblemError
from tools.paths import REPO, home

STACK, SHAPE, SEED = "bench", "p5.48xlarge", 5
PAGES = REPO / "docs" / "reference"
NAME = "teams-benchmark"
LIMIT = 3600.0
"""Seconds after which the benchmark waits no longer; its page says how many jobs have ended."""


class Own:
    """A home and stack files of the benchmark's own, and the command `cnai` in it."""

    def __init__(self) -> None:
        """Name the folders."""
        self.folder = home() / "bench-teams"
        self.home, self.stacks = self.folder / "home", self.folder / "stacks"

    def cnai(self, *args: str) -> int:
        """Run the command as a person would; what it says goes to a log in the folder."""
        own = {"CNAI_HOME": str(self.home), "CNAI_STACKS": str(self.stacks)}
        with (self.folder / "cnai.log").open("a") as log:
            log.write(f"\n$ cnai {' '.join(args)}\n")
            log.flush()
            command = [str(Path(sys.executable).with_name("cnai")), *args]
            done = subprocess.run(
                command, env={**os.environ, **own}, cwd=REPO, stdout=log, stderr=log, check=False
            )
        return done.returncode

    def must(self, *args: str) -> float:
        """Run the command and return its seconds. Raises ProblemError (CNAI-BENCH-001)."""
        began = time.monotonic()
        if code := self.cnai(*args):
            raise ProblemError(
                Problem(
                    "CNAI-BENCH-001",
                    f"`cnai {' '.join(args)}` of the benchmark ended with {code}",
                    f"{self.folder / 'cnai.log'} says why",
                    "mend the cause and run the benchmark again: it begins anew",
                    exit_code=1,
                )
            )
        return time.monotonic() - began

    def clear(self) -> None:
        """Take away what a run left."""
        if (self.stacks / f"Pulumi.{STACK}.yaml").exists():
            self.must("down", STACK)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def kubeconfig(self) -> str:
        """The text of the kubeconfig of the benchmark's cluster."""
        return (self.home / f"{STACK}.kubeconfig").read_text()


def settings(nodes: int) -> dict[str, Any]:
    """Return what the benchmark's stack says: queues and simulated nodes, and no more. Pure."""
    return {
        "tier": "kind",
        "profile": "minimal",
        "addons": {"kwok": True},
        "ports": {},
        "teams": [],
        # Each team has a little of the real nodes, on which its queue proves itself.
        "queue": {"cpu": "4", "memory": "8Gi"},
        "pools": [{"name": "h100", "shape": SHAPE, "count": nodes}],
    }


def bench_teams(teams: int, nodes: int, jobs: int, *, keep: bool = False) -> int:
    """Measure and write the page; with ``keep`` the cluster stays up. Raises CNAI-BENCH-001."""
    began, own = time.monotonic(), Own()
    own.clear()
    own.stacks.mkdir(parents=True)
    config = {f"cnai:{key}": value for key, value in settings(nodes).items()}
    file = own.stacks / f"Pulumi.{STACK}.yaml"
    file.write_text(yaml.safe_dump({"config": config}, sort_keys=False))
    try:
        found, drawn = _measured(own, teams, nodes, jobs)
    finally:
        if not keep and own.cnai("down", STACK) == 0:
            shutil.rmtree(own.stacks)
    found["minutes"] = round((time.monotonic() - began) / 60)
    (PAGES / f"{NAME}.json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    (PAGES / f"{NAME}.md").write_text(page(found))
    (PAGES / f"{NAME}.svg").write_text(drawn)
    say.done("bench", f"written to docs/reference/{NAME}.md")
    return 0


def _measured(own: Own, teams: int, nodes: int, jobs: int) -> tuple[dict[str, Any], str]:
    gpus = SHAPES[SHAPE].count * nodes
    forked = plan.teams(teams, gpus, SEED)
    planned = plan.jobs(forked, jobs, SEED)
    say.step("bench", f"a cluster with {nodes} simulated nodes")
    say.done("bench", f"up in {own.must('up', STACK):.0f} s")
    forks = [_fork(own, one) for one in forked]
    return _loaded(own, forked, planned, forks)


def _fork(own: Own, team: plan.TeamPlan) -> float:
    asked = (f"--gpus={team.gpus}", "--cpu=50m", "--memory=128Mi", "--ttl=1d")
    took = own.must("fork", STACK, f"--team={team.name}", *asked)
    took += own.must("up", f"{team.name}-{STACK}")
    say.done("bench", f"{team.name} with {team.gpus} accelerators in {took:.1f} s")
    return round(took, 1)


def _loaded(
    own: Own, forked: Sequence[plan.TeamPlan], planned: Sequence[plan.JobPlan], forks: list[float]
) -> tuple[dict[str, Any], str]:
    without_policies(own.kubeconfig)
    watcher = Watcher(own.kubeconfig)
    looks = Looks(own.kubeconfig, time.monotonic)
    watcher.start()
    looks.start()
    say.step("bench", f"{len(planned)} jobs of {len(forked)} teams")
    sent = send(own.kubeconfig, planned)
    say.done("bench", f"sent in {sent:.0f} s")
    told = 0.0
    while len(watcher.ledger.finished) < len(planned) and watcher.elapsed < LIMIT:
        time.sleep(1)
        if watcher.elapsed >= told + 60:
            told = watcher.elapsed
            ended, in_ = len(watcher.ledger.finished), len(watcher.ledger.admitted)
            say.line("bench", f" {told:.0f} s: {in_} admitted, {ended} finished")
    watcher.end()
    looks.end()
    well = own.cnai("status", STACK) == 0
    (own.folder / "samples.json").write_text(json.dumps([asdict(s) for s in watcher.samples]))
    samples, queues, names = watcher.samples, watcher.queues, [one.name for one in forked]
    real = SHAPES[SHAPE].count * looks.simulated
    capacity = accelerators(whole(queues.values()))
    flooding = [one.name for one in forked if one.appetite is plan.Appetite.FLOOD]
    found: dict[str, Any] = {
        "schema": "cnai.dev/teams-benchmark/v1",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": host.summary(host.read()),
        "plan": {
            **plan.told(forked, planned, real),
            "nodes": looks.simulated,
            "shape": SHAPE,
            "seed": SEED,
            "addons": "Kueue, JobSet, KWOK",
        },
        "fork": {
            "seconds": forks,
            "first": forks[0],
            "median": round(statistics.median(forks), 1),
            "last": forks[-1],
        },
        "quota": quota(samples, watcher.ledger, capacity),
        "share": {
            "all teams": share(samples, names, queues, capacity),
            "the teams that flood": share(samples, flooding, queues, capacity),
        },
        "load": speed(samples, watcher.ledger, len(planned), sent),
        "nodes": {
            "nodes": looks.nodes,
            "simulated": looks.simulated,
            "looks": len(looks.unready),
            "most_not_ready": max(looks.unready, default=0),
        },
        "unanswered": watcher.gaps,
        "servers": footprint(looks.seen),
        "well": well,
    }
    return found, picture(samples, forked, capacity)
