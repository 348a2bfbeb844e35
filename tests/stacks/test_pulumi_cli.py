"""How the engine is called; the one of these tests writes down its arguments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stacks.cli.pulumi_cli import Pulumi


@pytest.mark.parametrize(("verb", "asks"), [("up", False), ("destroy", False), ("preview", True)])
def test_a_run_that_changes_something_has_no_preview_before_it(
    verb: str, asks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would write the one log of events that the progress is read from."""
    engine = tmp_path / "pulumi"
    engine.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    engine.chmod(0o755)
    monkeypatch.setenv("CNAI_HOME", str(tmp_path))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    pulumi = Pulumi("kind", {"PATH": path}, tmp_path / "Pulumi.kind.yaml")
    code, _ = pulumi.run(verb, say=lambda _: None)
    assert code == 0
    said = pulumi.log.read_text().split()
    assert ("--skip-preview" in said, "--yes" in said) == (not asks, not asks)
