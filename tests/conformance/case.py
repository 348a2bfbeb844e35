"""A requirement as its test meets it: kubectl, and a record of all that is said and answered."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from addons import pins
from policies.conformance.requirements import LATEST, Device, Requirement
from policies.conformance.result import Outcome, Result, owed
from policies.conformance.transcript import Entry, Heading, Note, Step, sha256, text
from tests.conftest import Platform

PAUSE = 2.0
"""Seconds between two looks."""
LONGEST = 60
"""Seconds that one command may take, unless it says otherwise."""
Manifest = dict[str, Any]


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class CommandError(AssertionError):
    """A command that should have succeeded and did not."""


@dataclass
class Case:
    """One requirement on one platform."""

    requirement: Requirement
    platform: Platform
    environment: str = "kind"
    program: str = LATEST
    device: Device = Device.NONE
    outcome: Outcome | None = None
    reason: str = ""
    entries: list[Entry] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    began: str = field(default_factory=now)
    _places: list[str] = field(default_factory=list)

    def note(self, said: str) -> None:
        """Say what a reader of the evidence has to know here."""
        self.entries.append(Note(said))

    def uses(self, *addons: str) -> None:
        """Name addons whose versions belong to the evidence."""
        self.versions |= {name: pins()[name].version for name in addons}

    def kubectl(
        self, *args: str, given: Manifest | Sequence[Manifest] = (), check: bool = True,
        seconds: float = LONGEST,
    ) -> str:  # fmt: skip
        """Run kubectl, record it, and return what it says: both streams, as a person sees them."""
        manifest = _yaml(given)
        done = self._run(args, manifest, seconds)
        said = f"{done.stdout}{done.stderr}"
        self._keep(args, said, done.returncode, manifest)
        if check and done.returncode:
            raise CommandError(f"kubectl {shlex.join(args)}: {said.strip()[-500:]}")
        return said

    def refused(self, *args: str, given: Manifest | Sequence[Manifest] = ()) -> str:
        """Run kubectl, which has to be refused; return what it was told."""
        manifest = _yaml(given)
        done = self._run(args, manifest, LONGEST)
        said = f"{done.stdout}{done.stderr}"
        self._keep(args, said, done.returncode, manifest)
        assert done.returncode, f"this should have been refused: kubectl {shlex.join(args)}"
        return said

    def find(self, *args: str) -> Any:
        """Ask for something as JSON, unrecorded; None where it is not there or not served."""
        done = self._run(("get", *args, "--output=json"), "", LONGEST)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def every(self, *args: str) -> list[Manifest]:
        """Ask for a list as JSON, unrecorded; empty for a kind that is not served."""
        return list((self.find(*args) or {}).get("items", []))

    def until(
        self, what: str, args: Sequence[str], holds: Callable[[str], bool], seconds: float = 300
    ) -> str:
        """Run kubectl again and again until what it says holds; record the last time only."""
        start = time.monotonic()
        while True:
            done = self._run(args, "", LONGEST)
            waited = time.monotonic() - start
            if (held := done.returncode == 0 and holds(done.stdout)) or waited > seconds:
                break
            time.sleep(PAUSE)
        self._keep(args, f"{done.stdout}{done.stderr}", done.returncode, "", waited)
        assert held, f"not within {seconds:.0f} s: {what}"
        return done.stdout

    def place(self) -> str:
        """Make a namespace of the test's own, which goes at its end; return its name."""
        name = f"conformance-{self.requirement.id.replace('_', '-')}"
        # One that an earlier run left behind may still be going.
        self._run(("delete", "namespace", name, "--ignore-not-found", "--timeout=180s"), "", 200)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self._places.append(name)
        self.kubectl("create", "--filename=-", given=namespace)
        return name

    def clean(self) -> None:
        """Take the test's namespaces away."""
        for name in self._places:
            gone = ("delete", "namespace", name, "--ignore-not-found", "--timeout=180s")
            self._run(gone, "", 200)

    def implemented(self, said: str) -> None:
        """End: it was done, and seen."""
        self.outcome, self.reason = Outcome.IMPLEMENTED, said

    def partial(self, reason: str) -> NoReturn:
        """End: a part of it was seen, and this is missing."""
        self._end(Outcome.PARTIAL, reason)

    def not_implemented(self, reason: str) -> NoReturn:
        """End: the platform has nothing that does it."""
        self._end(Outcome.NOT_IMPLEMENTED, reason)

    def not_applicable(self, reason: str) -> NoReturn:
        """End: it does not apply here, for this reason."""
        self._end(Outcome.NOT_APPLICABLE, reason)

    def _end(self, outcome: Outcome, reason: str) -> NoReturn:
        """What every environment owes fails when it is not there; the rest is shown as expected."""
        self.outcome, self.reason = outcome, reason
        said = f"{self.requirement.id}: {outcome}: {reason}"
        # A requirement may be owed in an earlier version only.
        version = max(self.requirement.levels, default="")
        if outcome is not Outcome.NOT_APPLICABLE and owed(
            self.requirement, version, self.environment
        ):
            pytest.fail(said, pytrace=False)
        pytest.xfail(said)

    def write(self, folder: Path, error: BaseException | None) -> Result:
        """Write the evidence and the result; what raised an error without an end has failed."""
        if self.outcome is None:
            self.outcome, self.reason = Outcome.FAILED, _said(error)
        heading = Heading(
            requirement=self.requirement,
            program=self.program,
            stack=self.platform.stack,
            environment=self.environment,
            began=self.began,
            ended=now(),
            versions=self.versions,
        )
        said = text(heading, self.outcome, self.device, self.reason, self.entries)
        name = f"{self.requirement.id}.md"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(said)
        result = Result(
            id=self.requirement.id,
            outcome=self.outcome,
            device=self.device,
            reason=self.reason,
            evidence=name,
            sha256=sha256(said),
        )
        (folder / f"{self.requirement.id}.json").write_text(json.dumps(result.data(), indent=2))
        return result

    def _run(
        self, args: Sequence[str], given: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        program = str(self.platform.home / "bin" / "kubectl")
        command = [program, f"--kubeconfig={self.platform.kubeconfig}", *args]
        try:
            return subprocess.run(
                command, input=given, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            said = f"no answer within {seconds:.0f} s"
            return subprocess.CompletedProcess(command, 124, "", said)

    def _keep(
        self, args: Sequence[str], said: str, code: int, given: str, waited: float = 0
    ) -> None:
        command = f"kubectl {shlex.join(args)}"
        step = Step(at=now(), command=command, output=said, code=code, given=given, waited=waited)
        self.entries.append(step)


def _yaml(given: Manifest | Sequence[Manifest]) -> str:
    listed = [given] if isinstance(given, dict) else list(given)
    return yaml.safe_dump_all(listed, sort_keys=False) if listed else ""


def _said(error: BaseException | None) -> str:
    """What an error says, in one line."""
    if error is None:
        return "the test did not say how it ended"
    return " ".join(f"{error}".split())[:500] or type(error).__name__
