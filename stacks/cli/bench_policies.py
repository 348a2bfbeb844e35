"""How long the policy pack takes over 1,000 resources: part of `cnai bench`."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from policies.ground import Ground
from policies.pack import config
from stacks.compliance import PACK
from tools import pulumi_home, supply
from tools.errors import Problem, ProblemError
from tools.paths import REPO

GOOD = REPO / "tests" / "policies" / "good_stack"
"""Programs as data, in which no rule finds anything (tests/policies/stacks.py)."""
NUMBER = 1000
URN = "urn:pulumi:bench::bench::"
ROOT = "bench-bench"
"""Name of the stack among the resources of its state."""


def took() -> float:
    """Return the seconds that the engine and the pack take, less those for an empty state."""
    env = {**os.environ, **pulumi_home.prepare(supply.resolve(supply.Mode.AUTO))}
    said = [one for path in sorted(GOOD.glob("*.yaml")) for one in programs(path)]
    things = [thing for one in said for thing in one["resources"]]
    tenants = {name for one in said for name in one["ground"].get("tenants", ())}
    ground = Ground(tenants=frozenset(tenants), production=True)
    with tempfile.TemporaryDirectory() as folder:
        empty, full = (
            _analyzed(Path(folder), env, ground, listed)
            for listed in ([], list(repeated(things, NUMBER)))
        )
    return full - empty


def programs(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the programs of a file, in which what is named twice is there twice."""
    for said in yaml.safe_load_all(path.read_text()):
        yield json.loads(json.dumps(said))


def repeated(things: Sequence[Mapping[str, Any]], number: int) -> Iterator[Mapping[str, Any]]:
    """Yield resources over and over, each time with names of their own, up to a number. Pure."""
    rounds = ((turn, thing) for turn in itertools.count() for thing in things)
    for turn, thing in itertools.islice(rounds, number):
        yield {**thing, "name": f"{thing['name']}-{turn}"}


def state(things: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the state that `pulumi stack export` would write of resources. Pure."""
    root = {"urn": f"{URN}pulumi:pulumi:Stack::{ROOT}", "type": "pulumi:pulumi:Stack"}
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""},
            "resources": [root, *(_recorded(thing) for thing in things)],
        },
    }


def _recorded(thing: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {key: value for key, value in thing["props"].items() if value is not None}
    own = thing.get("id", thing["name"])
    return {
        "urn": f"{URN}{thing['type']}::{thing['name']}",
        "type": thing["type"],
        "custom": True,
        "id": own,
        "inputs": inputs,
        "outputs": {**inputs, "id": own},
        "protect": thing.get("protect", False),
    }


def _analyzed(
    folder: Path, env: Mapping[str, str], ground: Ground, things: Sequence[Mapping[str, Any]]
) -> float:
    """Return the seconds of one analysis. Raises ProblemError (CNAI-BENCH-002) when it fails."""
    exported, settings = folder / "state.json", folder / "config.json"
    exported.write_text(json.dumps(state(things)))
    settings.write_text(json.dumps(config({"ground": ground.told()})))
    began = time.monotonic()
    done = subprocess.run(
        [
            *("pulumi", "policy", "analyze", "--json", "--non-interactive", f"--file={exported}"),
            *(f"--policy-pack={PACK}", f"--policy-pack-config={settings}"),
        ],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise ProblemError(
            Problem(
                "CNAI-BENCH-002",
                "the policy pack could not be measured",
                f"`pulumi policy analyze` ended with {done.returncode}: {done.stderr[-300:]}",
                "run the tests of the rules: pytest tests/policies",
                exit_code=1,
            )
        )
    return seconds
