"""`cnai check` with gates that find what a test says: no engine and no cluster is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.audit import Finding
from policies.catalog import Gate, rules
from policies.verdict import Outcome
from stacks import stack_files
from stacks.cli import check as command
from stacks.cli import gates
from stacks.cli.check import FAILED, check, serving
from tools.errors import Problem, ProblemError

EKS = "CIS Amazon EKS Benchmark"
WAIVER = {
    "rule": "CNAI-SUP-001",
    "resource": "mlflow/server",
    "owner": "platform",
    "reason": "it goes with the next release",
    "ticket": "T-7",
    "expires": "2027-01-31",
}


def failure(rule: str = "CNAI-SUP-001", **said: Any) -> Finding:
    values: dict[str, Any] = {
        "gate": Gate.PACK,
        "resource": "mlflow/server",
        "outcome": Outcome.FAIL,
        "messages": ("it floats",),
        **said,
    }
    return Finding(rule=rule, **values)


def advice() -> str:
    return next(rule.id for rule in rules() if not rule.mandatory and rule.check)


Held = Callable[..., list[str]]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write a stack's file."""
    monkeypatch.setattr(stack_files, "STACKS", tmp_path)

    def write(stack: str = "kind", **said: Any) -> None:
        config = {f"cnai:{key}": value for key, value in said.items()}
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))

    write()
    return write


@pytest.fixture
def held(files: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Held:
    """Say what the gates find, each its own; return which were held."""
    asked: list[str] = []

    def find(*found: Finding | ProblemError) -> list[str]:
        def at(gate: Gate) -> list[Finding]:
            asked.append(gate.value)
            for one in found:
                if isinstance(one, ProblemError) and gate is Gate.STATE:
                    raise one
            return [one for one in found if isinstance(one, Finding) and one.gate is gate]

        monkeypatch.setattr(gates, "of_intent", lambda _: at(Gate.SETTINGS))
        monkeypatch.setattr(gates, "of_plan", lambda *_: at(Gate.PACK))
        monkeypatch.setattr(gates, "of_record", lambda *_: at(Gate.STATE))
        monkeypatch.setattr(gates, "of_twins", lambda *_: at(Gate.ADMISSION))
        monkeypatch.setattr(gates, "of_cluster", lambda *_: (at(Gate.LIVE), None))
        monkeypatch.setattr(gates, "of_scanners", lambda _: [])
        return asked

    monkeypatch.setattr(gates, "today", lambda: date(2026, 11, 22))
    monkeypatch.setattr(command, "_opened", lambda *_: None)
    monkeypatch.setattr(command, "_server", lambda *_: None)
    find()
    return find


def no_state() -> ProblemError:
    return ProblemError(replace(gates._no_state("kind", ""), what="it has no state"))


def test_a_framework_is_named_by_a_part_of_its_name() -> None:
    found = serving(rules(), ["eks"])
    assert found
    assert all(any(each.name == EKS for each in rule.frameworks) for rule in found)
    both = serving(rules(), ["eks", "FINOPS"])
    assert {rule.id for rule in found} < {rule.id for rule in both}
    assert serving(rules(), []) == list(rules())


def test_a_framework_that_no_rule_serves_is_refused() -> None:
    with pytest.raises(ProblemError) as error:
        serving(rules(), ["eks", "iso-9999"])
    assert [(p.id, p.exit_code) for p in error.value.problems] == [("CNAI-CHECK-003", 2)]
    assert EKS in error.value.problems[0].why


def test_a_filter_leaves_out_what_other_rules_found(
    held: Held, capsys: pytest.CaptureFixture[str]
) -> None:
    held(failure("CNAI-TAG-001"), failure("CNAI-SUP-001"))
    assert check("kind", frameworks=["finops"]) == FAILED
    said = capsys.readouterr().out
    assert "CNAI-TAG-001" in said
    assert "CNAI-SUP-001" not in said
    held(failure("CNAI-SUP-001"))
    assert check("kind", frameworks=["finops"]) == 0


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        ([failure()], FAILED),
        ([failure(advice())], 0),
        ([failure(outcome=Outcome.UNDECIDED)], 0),
        ([failure(outcome=Outcome.PASS, messages=())], 0),
        ([failure(outcome=Outcome.PASS, messages=()), failure("CNAI-SUP-002")], FAILED),
    ],
)
def test_a_broken_mandatory_rule_and_nothing_else_is_a_failure(
    held: Held, found: list[Finding], code: int
) -> None:
    held(*found)
    assert check("kind") == code


def test_a_failure_that_is_borne_is_none_until_the_waiver_is_over(
    held: Held, files: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    held(failure())
    files(waivers=[WAIVER])
    assert check("kind") == 0
    assert "T-7" in capsys.readouterr().out
    files(waivers=[{**WAIVER, "expires": "2026-11-21"}])
    assert check("kind") == FAILED


def test_a_waiver_that_is_over_is_a_failure_by_itself(
    held: Held, files: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    files(waivers=[{**WAIVER, "expires": "2026-11-21"}])
    assert check("kind") == FAILED
    assert "the waiver T-7 of platform for CNAI-SUP-001 was over on 2026-11-21" in (
        capsys.readouterr().out
    )


def test_a_waiver_without_a_rule_is_a_failure_by_itself(
    held: Held, files: Callable[..., None]
) -> None:
    files(waivers=[{**WAIVER, "rule": "CNAI-XXX-001"}])
    assert check("kind") == FAILED


def test_gates_that_need_a_cluster_are_held_when_they_are_asked_for(held: Held) -> None:
    asked = held()
    check("kind")
    assert asked == ["settings", "pack", "state"]
    asked.clear()
    check("kind", live=True)
    assert asked == ["settings", "pack", "state", "admission", "live"]
    asked.clear()
    check("kind", only=[Gate.LIVE, Gate.SETTINGS])
    assert asked == ["settings", "live"]


def test_gates_that_were_not_held_are_told_with_the_reason(
    held: Held, capsys: pytest.CaptureFixture[str]
) -> None:
    held(no_state())
    assert check("kind") == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line]
    said = {line[0]: line[1] for line in lines if len(line) > 1}
    assert said["state"] == "not run: it has no state"
    assert said["live"] == "not run: it was not asked for"
    assert not said["pack"].startswith("not run")


def test_a_gate_that_was_asked_for_by_name_has_to_be_held(held: Held) -> None:
    held(no_state())
    with pytest.raises(ProblemError, match="CNAI-CHECK-002"):
        check("kind", only=[Gate.STATE])


@pytest.mark.parametrize(
    ("gate", "live", "id_", "code"),
    [("_opened", False, "CNAI-CHECK-001", 1), ("_server", True, "CNAI-CHECK-004", 4)],
)
def test_what_cannot_be_looked_at_is_never_passed(
    held: Held, monkeypatch: pytest.MonkeyPatch, gate: str, live: bool, id_: str, code: int
) -> None:
    def fails(*_: Any) -> None:
        raise ProblemError(Problem(id_, "it does not answer", "why", "fix", exit_code=code))

    held()
    monkeypatch.setattr(command, gate, fails)
    with pytest.raises(ProblemError, match=id_):
        check("kind", live=live)


def test_the_stack_of_a_tenant_sees_its_own_and_what_is_nobodys(
    held: Held, files: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    files("vision-kind", extends="kind", team={"name": "vision"})
    held(failure(resource="search/api", team="search"))
    assert check("vision-kind") == 0
    assert "search" not in capsys.readouterr().out
    assert check("kind") == FAILED
    held(failure(resource="vision/api", team="vision"))
    assert check("vision-kind") == FAILED
    held(failure(resource="kueue"))
    assert check("vision-kind") == FAILED, "its own program made it"
    held(failure(resource="kueue", gate=Gate.LIVE), failure(gate=Gate.ADMISSION))
    assert check("vision-kind", live=True) == 0, "its base made it"
    held(failure(resource="vision/api", team="vision", gate=Gate.LIVE))
    assert check("vision-kind", live=True) == FAILED


def test_a_report_is_written_where_it_is_asked_for(held: Held, tmp_path: Path) -> None:
    held(failure())
    check("kind", report=tmp_path / "report")
    written = {path.suffix for path in (tmp_path / "report").iterdir()}
    assert {".json", ".html", ".sarif"} <= written
    assert all(path.stat().st_size for path in (tmp_path / "report").iterdir())
