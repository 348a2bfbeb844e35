"""`cnai conformance`: what it says of results, and the tests' own machinery against no cluster."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from rich.console import Console

from policies.conformance.requirements import Device, of_version
from policies.conformance.result import Outcome, Result, complete, record
from stacks.cli import conformance, say
from tools.errors import ProblemError
from tools.paths import REPO

VERSION = "1.37"
KUBECTL = """\
#!/usr/bin/env bash
# A cluster that has an API server and nothing else.
case "$*" in
  *" version "*) echo '{"serverVersion": {"gitVersion": "v1.37.0"}}' ;;
  *" get nodes --output=json"*) echo '{"items": [{"status": {"nodeInfo": {"kernelVersion": "6"}}}]}' ;;
  *" get "*"--output=json"*) echo 'not found' >&2; exit 1 ;;
  *) echo "No resources found" ;;
esac
"""  # noqa: E501


def results(*found: Result) -> list[Result]:
    return complete(VERSION, found, "nobody asked")


def told(found: list[Result]) -> dict[str, Any]:
    return record(VERSION, found, stack="kind", environment="kind", date="", versions={})


def printed(found: list[Result]) -> str:
    console = Console(width=say.WIDE, record=True, file=io.StringIO())
    console.print(conformance.table(told(found), found))
    return console.export_text()


def test_the_table_has_a_row_for_each_requirement() -> None:
    found = results(
        Result(
            id="secure_accelerator_access",
            outcome=Outcome.IMPLEMENTED,
            device=Device.SIMULATED,
            evidence="secure_accelerator_access.md",
        )
    )
    shown = printed(found)
    assert all(each.id in shown for each in of_version(VERSION))
    (row,) = [line for line in shown.splitlines() if "secure_accelerator_access" in line]
    assert "seen on simulated, needs real" in row


def test_the_summary_counts_what_is_conformant() -> None:
    said = conformance.summary(told(results()))
    assert "not conformant (MUST: 0 of 8 conformant; SHOULD: 0 of 7 conformant)" in said


def test_what_tests_wrote_is_collected_and_the_rest_has_not_run(tmp_path: Path) -> None:
    one = Result(id="gang_scheduling", outcome=Outcome.IMPLEMENTED, device=Device.NONE)
    (tmp_path / "gang_scheduling.json").write_text(json.dumps(one.data()))
    found = {each.id: each for each in conformance.collect(tmp_path, VERSION, "it was killed")}
    assert found["gang_scheduling"] == one
    assert found["ai_inference"].outcome is Outcome.NOT_RUN
    assert found["ai_inference"].reason == "it was killed"
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for evidence, and a stack that seems to be up; its tests find what a test says."""
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(conformance, "_kubernetes", lambda *_: "v1.37.0")
    return tmp_path / "out"


def finds(monkeypatch: pytest.MonkeyPatch, *found: Result, code: int = 0) -> None:
    """Let the tests of a cluster have written this."""

    def run(_stack: str, _version: str, _settings: Any, folder: Path) -> int:
        for each in found:
            (folder / f"{each.id}.json").write_text(json.dumps(each.data()))
        return code

    monkeypatch.setattr(conformance, "_run", run)


def real() -> list[Result]:
    return [
        Result(id=each.id, outcome=Outcome.IMPLEMENTED, device=Device.REAL)
        for each in of_version(VERSION)
    ]


def test_all_that_is_owed_ends_well(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, *real())
    assert conformance.conformance("kind", VERSION, template=None, out=stack) == 0
    assert json.loads((stack / "results.json").read_text())["conformant"]
    assert not (stack / "PRODUCT.yaml").exists()


def test_what_is_owed_and_missing_ends_with_5_and_its_reason(
    stack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finds(monkeypatch, *(each for each in real() if each.id != "ai_inference"), code=1)
    assert conformance.conformance("kind", VERSION, template=None, out=stack) == 5
    assert "ai_inference is owed here: not-run: the tests ended" in capsys.readouterr().err


def test_tests_that_break_off_are_no_result(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, *real(), code=3)
    with pytest.raises(ProblemError) as error:
        conformance.conformance("kind", VERSION, template=None, out=stack)
    assert error.value.problems[0].id == "CNAI-CONFORM-004"


def test_what_an_earlier_run_wrote_is_gone(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.mkdir(parents=True)
    old, strange = stack / "gang_scheduling.md", stack / "notes.md"
    for file in (old, strange, stack / "PRODUCT.yaml"):
        file.write_text("old")
    finds(monkeypatch)
    conformance.conformance("kind", VERSION, template=None, out=stack)
    assert not old.exists()
    assert not (stack / "PRODUCT.yaml").exists()
    assert strange.read_text() == "old"


@pytest.mark.parametrize(
    ("version", "text", "id_"),
    [("1.33", None, "CNAI-CONFORM-002"), (VERSION, "a: 1", "CNAI-CONFORM-003")],
)
def test_what_cannot_be_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, text: str | None, id_: str
) -> None:
    monkeypatch.setattr(conformance, "_run", lambda *_: pytest.fail("tests were run"))
    template = None
    if text is not None:
        template = tmp_path / "template.yaml"
        template.write_text(text)
    with pytest.raises(ProblemError) as error:
        conformance.conformance("kind", version, template=template, out=tmp_path / "out")
    assert error.value.problems[0].id == id_
    assert error.value.exit_code == 2


def test_a_stack_that_is_not_up_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNAI_HOME", str(tmp_path))
    with pytest.raises(ProblemError) as error:
        conformance.conformance("kind", VERSION, template=None, out=tmp_path / "out")
    assert error.value.problems[0].id == "CNAI-CONFORM-001"
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """What the tests themselves find on a cluster that has nothing: their exit code and folder."""
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    kubectl = home / "bin" / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    (home / "bare.kubeconfig").write_text("")
    out = home / "out"
    tests = [
        str(REPO / "tests" / "conformance" / f"test_{each.id}.py") for each in of_version(VERSION)
    ]
    env = {
        **os.environ,
        "CNAI_HOME": str(home),
        "CNAI_CONFORMANCE_STACK": "bare",
        "CNAI_CONFORMANCE_OUT": str(out),
    }
    junit = f"--junitxml={home / 'junit.xml'}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", junit, *tests]
    done = subprocess.run(
        command, env=env, cwd=REPO, capture_output=True, text=True, check=False, timeout=300
    )
    (home / "said").write_text(done.stdout + done.stderr)
    return done.returncode, out


def test_a_cluster_with_nothing_fails_what_it_owes_and_skips_nothing(
    bare: tuple[int, Path],
) -> None:
    code, out = bare
    said = (out.parent / "said").read_text()
    assert code == 1, said
    found = {each.id: each for each in conformance.collect(out, VERSION, "it did not run")}
    left_out = Outcome.NOT_IMPLEMENTED
    assert found["ai_inference"].outcome is left_out
    assert found["gang_scheduling"].outcome is left_out
    assert found["workload_sandboxing"].outcome is left_out
    assert found["cluster_autoscaling"].outcome is Outcome.NOT_APPLICABLE
    assert all(each.reason for each in found.values())
    assert not [each for each in found.values() if each.outcome is Outcome.NOT_RUN], said
    assert not [each for each in found.values() if each.outcome is Outcome.IMPLEMENTED], said
    assert "skipped" not in said
    for owed in ("ai_inference", "gang_scheduling", "pod_autoscaling", "robust_controller"):
        assert f"FAILED tests/conformance/test_{owed}.py" in said
    for other in ("workload_sandboxing", "cluster_autoscaling", "accelerator_metrics"):
        assert f"XFAIL tests/conformance/test_{other}.py" in said


def test_evidence_is_written_of_what_is_not_there_as_well(bare: tuple[int, Path]) -> None:
    _, out = bare
    said = (out / "ai_inference.md").read_text()
    assert "not-implemented" in said
    assert "$ kubectl api-resources" in said
    assert "| Kubernetes | v1.37.0 |" in said


def test_junit_says_of_each_what_it_is(bare: tuple[int, Path]) -> None:
    _, out = bare
    outcomes = {
        property_.get("value")
        for case in Xml.parse(out.parent / "junit.xml").iter("testcase")
        for property_ in case.iter("property")
        if property_.get("name") == "outcome"
    }
    assert outcomes == {"not-implemented", "not-applicable"}
