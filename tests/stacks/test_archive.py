"""What is kept of a team, and what is said when it cannot be."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.clusters.kind import kubeconfig_file
from components.job_log import Told
from stacks.cli import archive, tenants
from stacks.settings import Settings, load
from tests.job_server import JobServer, job_server, kubeconfig
from tools.errors import ProblemError
from tools.supply import Mode

HEAD = {"team": "red", "stack": "red-kind", "base": "kind", "time": "2026-11-22T18:00:00+00:00"}
FILES = {"mlflow.jsonl", "feast.jsonl", "bucket.jsonl"}
ACTIVE = dict.fromkeys(("mlflow", "feast", "object-store"), "Active")
LOG = '{"kind": "run"}\n{"count": 1}\n'
LOGS = dict.fromkeys(("archive-red", "archive-team-red"), LOG)


def red() -> Settings:
    return load({"supply": "source", "extends": "kind", "team": {"name": "red"}})


def test_the_jobs_ask_for_no_password_of_the_stack() -> None:
    jobs = archive.jobs(red(), Mode.SOURCE)
    assert set(jobs) == FILES
    assert archive.NOT_ASKED not in json.dumps(jobs)
    assert {job["kind"] for job in jobs.values()} == {"Job"}


def test_files_are_as_the_index_says(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    archive.write(folder, HEAD, {"a.jsonl": Told(('{"x": 1}', '{"x": 2}')), "b.jsonl": Told()})
    index = json.loads((folder / "index.json").read_text())
    assert {name: index[name] for name in HEAD} == HEAD
    assert (index["schema"], index["complete"]) == ("cnai.dev/archive/v1", True)
    assert [(one["name"], one["entries"]) for one in index["files"]] == [
        ("a.jsonl", 2),
        ("b.jsonl", 0),
    ]
    for one in index["files"]:
        data = (folder / one["name"]).read_bytes()
        assert len(data) == one["bytes"]
        assert hashlib.sha256(data).hexdigest() == one["sha256"]
    assert folder.stat().st_mode & 0o077 == 0


def test_what_is_not_whole_says_so_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    archive.write(folder, HEAD, {"a.jsonl": Told(('{"x": 1}',), "1 lines came of 2")})
    assert {path.name for path in folder.iterdir()} == {"a.jsonl.partial", "index.json"}
    index = json.loads((folder / "index.json").read_text())
    assert not index["complete"]
    assert index["files"][0]["why"] == "1 lines came of 2"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a folder of stacks: a base, a team on it and a stack of its own."""
    home, stacks = tmp_path / "home", tmp_path / "stacks"
    home.mkdir()
    stacks.mkdir()
    said: dict[str, dict[str, Any]] = {
        "kind": {"cnai:supply": "source"},
        "red-kind": {"cnai:extends": "kind", "cnai:team": {"name": "red"}},
    }
    for name, config in said.items():
        (stacks / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))
    monkeypatch.setenv("CNAI_HOME", str(home))
    monkeypatch.setenv("CNAI_STACKS", str(stacks))
    return home


def base_is(server: JobServer | str, home: Path) -> None:
    text = server if isinstance(server, str) else server.kubeconfig
    kubeconfig_file("kind").parent.mkdir(parents=True, exist_ok=True)
    kubeconfig_file("kind").write_text(text)
    assert kubeconfig_file("kind").is_relative_to(home)


def cnai(*words: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-c", "from stacks.cli.app import main; main()", *words],
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_archive_is_in_a_folder_of_its_own(places: Path) -> None:
    with job_server(namespaces=ACTIVE, logs=LOGS) as server:
        base_is(server, places)
        done = cnai("archive", "red-kind")
        assert done.returncode == 0, done.stderr
        assert not server.there
    (made,) = (places / "archive").iterdir()
    assert str(made) == done.stdout.strip()
    assert {path.name for path in made.iterdir()} == {*FILES, "index.json"}
    time = json.loads((made / "index.json").read_text())["time"]
    assert datetime.fromisoformat(time).utcoffset() is not None


def test_a_part_that_fails_is_told_and_what_came_is_kept(places: Path, tmp_path: Path) -> None:
    broken = {**LOGS, "archive-team-red": '{"key": "a"}\ncurl: (22) error: 403'}
    with job_server(namespaces=ACTIVE, logs=broken) as server:
        base_is(server, places)
        done = cnai("archive", "red-kind", f"--to={tmp_path / 'mine'}")
    assert done.returncode == 9
    assert "CNAI-TEAM-010" in done.stderr
    assert "error: 403" in done.stderr
    (folder,) = (tmp_path / "mine").iterdir()
    assert (folder / "bucket.jsonl.partial").read_text() == '{"key": "a"}\n'
    assert (folder / "mlflow.jsonl").exists()


@pytest.mark.parametrize("command", [("down", "red-kind"), ("expired", "--destroy")])
def test_nothing_is_taken_away_that_could_not_be_archived(
    places: Path, command: tuple[str, ...]
) -> None:
    team = {"name": "red", "expires": "2020-01-01"}
    said = {"config": {"cnai:extends": "kind", "cnai:team": team}}
    Path(os.environ["CNAI_STACKS"], "Pulumi.red-kind.yaml").write_text(yaml.safe_dump(said))
    base_is(kubeconfig("http://127.0.0.1:1"), places)
    done = cnai(*command)
    assert done.returncode == 4
    assert "CNAI-TEAM-009" in done.stderr
    assert "nothing was taken away" in done.stderr
    assert "cnai down red-kind --no-archive" in done.stderr
    assert not (places / "state").exists()


def test_of_a_cluster_that_is_gone_there_is_nothing_to_archive(
    places: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tenants._archived("red-kind", red())
    assert "the cluster of kind is gone" in capfd.readouterr().err
    assert not (places / "archive").exists()


def test_a_stack_with_its_own_cluster_is_no_place_of_a_team(places: Path) -> None:
    assert places.exists()
    with pytest.raises(ProblemError) as error:
        archive.archive("kind", load({"supply": "source"}))
    assert error.value.problems[0].id == "CNAI-TEAM-012"
