"""The bad and the good stacks of tests/policies through the engine: it finds what we find."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from policies.audit import of_resources
from policies.catalog import Gate, rules
from policies.ground import Ground
from policies.pack import config
from policies.sources import of_state
from policies.verdict import Outcome
from tests.policies.stacks import ROOT, Program, programs
from tools import pulumi_home
from tools.paths import REPO
from tools.supply import Mode

pytestmark = pytest.mark.live

MANDATORY = {rule.id: "mandatory" if rule.mandatory else "advisory" for rule in rules()}
# A description of the policy comes first, then our message, which begins with the rule.
MESSAGE = re.compile(r"[^\n]*\n(CNAI-[A-Z]+-\d+): ")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNAI_HOME", str(tmp_path_factory.mktemp("engine") / "a home"))
        # The rules of this checkout, whichever one is installed.
        return {**os.environ, **pulumi_home.prepare(Mode.AUTO), "PYTHONPATH": str(REPO)}


def analyzed(
    program: Program, folder: Path, env: Mapping[str, str], told: Mapping[str, Any]
) -> tuple[int, set[tuple[str, str, str]]]:
    """Return the exit code of the engine, and what its pack says: level, rule, resource."""
    state, settings = folder / "state.json", folder / "config.json"
    state.write_text(json.dumps(program.state()))
    settings.write_text(json.dumps(config(dict(told))))
    done = subprocess.run(
        [
            *("pulumi", "policy", "analyze", "--json", "--non-interactive", f"--file={state}"),
            *(f"--policy-pack={REPO / 'policies'}", f"--policy-pack-config={settings}"),
        ],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    found = set()
    for event in (json.loads(line) for line in done.stdout.splitlines()):
        if said := event.get("policyEvent"):
            rule = MESSAGE.match(said["message"])
            assert rule, said["message"]
            name = said.get("resourceUrn", "").rpartition("::")[2]
            found.add((said["enforcementLevel"], rule[1], name))
        else:
            assert "summaryEvent" in event, event
    assert "summaryEvent" in done.stdout, done.stderr
    return done.returncode, found


@pytest.mark.parametrize("program", [*programs("bad"), *programs("good")], ids=lambda p: p.name)
def test_the_engine_finds_what_the_state_gate_finds(
    program: Program, env: Mapping[str, str], tmp_path: Path
) -> None:
    told = {"ground": program.ground, "waivers": [], "today": "2026-01-01"}
    code, found = analyzed(program, tmp_path, env, told)
    failed = [
        finding
        for finding in of_resources(
            Gate.STATE, rules(), of_state(program.state()), Ground.read(program.ground)
        )
        if finding.outcome is Outcome.FAIL
    ]
    # What is about no resource but a namespace is said of the stack.
    names = {thing["name"] for thing in program.resources}
    assert found == {
        (MANDATORY[f.rule], f.rule, f.resource if f.resource in names else ROOT) for f in failed
    }
    assert (code != 0) == any(MANDATORY[f.rule] == "mandatory" for f in failed)
