"""What a tenant leaves in servers that it shares: who takes it away, and who writes it down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from addons import catalogue, script
from components.addon import Addon, Context
from components.team import Team

RED = Team(name="red", tenant=True)
ARCHIVED = {"mlflow": "mlflow.jsonl", "feast": "feast.jsonl", "object-store": "bucket.jsonl"}
TAKEN = ("mlflow", "object-store", "postgresql")
Make = Callable[[Addon], Context]


def jobs(name: str, make: Make, team: Team = RED) -> list[dict[str, Any]]:
    addon = catalogue()[name]
    share = addon.per_team(make(addon), team)
    return [*share.removal, *share.archive.values()]


def secrets(job: dict[str, Any]) -> Iterator[str]:
    for container in job["spec"]["template"]["spec"]["containers"]:
        for source in container.get("envFrom", []):
            yield source["secretRef"]["name"]
        for variable in container["env"]:
            if "valueFrom" in variable:
                yield variable["valueFrom"]["secretKeyRef"]["name"]


def test_each_server_that_keeps_something_of_a_tenant_gives_it_back(context: Make) -> None:
    shares = {name: one.per_team(context(one), RED) for name, one in catalogue().items()}
    archived = {name: [*share.archive] for name, share in shares.items() if share.archive}
    assert archived == {name: [file] for name, file in ARCHIVED.items()}
    assert {name for name, share in shares.items() if share.removal} == {*TAKEN}


@pytest.mark.parametrize("name", TAKEN)
def test_what_takes_away_needs_nothing_that_goes_with_the_team(name: str, context: Make) -> None:
    addon = catalogue()[name]
    base = [*addon.workloads(context(addon)), *addon.resources(context(addon))]
    known = {m["metadata"]["name"] for m in base if m["kind"] == "Secret"}
    (job,) = addon.per_team(context(addon), RED).removal
    assert (job["kind"], job["metadata"]["namespace"]) == ("Job", addon.namespace)
    assert set(secrets(job)) <= known
    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert not [volume for volume in volumes if "configMap" in volume]


@pytest.mark.parametrize("name", sorted({*ARCHIVED, *TAKEN}))
def test_they_hold_no_secret(name: str, context: Make) -> None:
    assert "secret of " not in json.dumps(jobs(name, context))


@pytest.mark.parametrize("name", TAKEN)
def test_what_a_team_of_the_platform_has_stays(name: str, context: Make) -> None:
    addon = catalogue()[name]
    assert not addon.per_team(context(addon), Team(name="red")).removal


def test_a_tenants_features_are_in_its_own_database_and_bucket(context: Make) -> None:
    addon = catalogue()["feast"]
    share = addon.per_team(context(addon), RED)
    keys = {
        m["metadata"]["name"]: m["stringData"] for m in share.workloads if m["kind"] == "Secret"
    }
    assert keys["bucket-red"]["BUCKET"] == "team-red"
    assert keys["database-red"]["PGDATABASE"] == keys["database-red"]["PGUSER"] == "team-red"
    (serving,) = [m for m in share.workloads if m["kind"] == "Deployment"]
    (container,) = serving["spec"]["template"]["spec"]["containers"]
    assert {s["secretRef"]["name"] for s in container["envFrom"]} == {*keys}


SERVER = """
import json, os
from types import SimpleNamespace as Has
from pathlib import Path
FILE = Path(os.environ["STATE"])
def state(): return json.loads(FILE.read_text())
def keep(new): FILE.write_text(json.dumps(new))
"""
MLFLOW = (
    SERVER
    + """
class Page(list):
    token = None
def set_workspace(name): pass
class MlflowClient:
    def __init__(self, *_): pass
    def list_workspaces(self): return [Has(name=name) for name in state()["spaces"]]
    def delete_workspace(self, name, mode):
        assert mode == "CASCADE"
        keep({**state(), "spaces": [n for n in state()["spaces"] if n != name]})
    def search_experiments(self, view_type, page_token):
        assert view_type == "ALL"
        one = Has(experiment_id="1", name="digits", tags={}, lifecycle_stage="deleted",
                  creation_time=1, last_update_time=2)
        if page_token is None:
            first = Page([one]); first.token = "next"
            return first
        return Page()
    def search_runs(self, experiment_ids, run_view_type, page_token):
        info = Has(run_id="r", experiment_id="1", run_name="n", status="FINISHED", start_time=1,
                   end_time=2, lifecycle_stage="deleted")
        data = Has(params={"a": "1"}, tags={}, metrics={"loss": float("nan")})
        return Page([Has(info=info, data=data)])
    def get_metric_history(self, run, name): return [Has(step=0, timestamp=5, value=float("inf"))]
    def search_logged_models(self, experiment_ids, page_token): return Page()
    def search_registered_models(self, page_token): return Page()
    def search_model_versions(self, page_token): return Page()
"""
)
AUTH = (
    SERVER
    + """
from mlflow.exceptions import RestException
class AuthServiceClient:
    def __init__(self, *_): pass
    def delete_user(self, name):
        if name not in state()["users"]: raise RestException("RESOURCE_DOES_NOT_EXIST")
        keep({**state(), "users": [n for n in state()["users"] if n != name]})
    def list_roles(self, space):
        return [Has(id=id) for id, at in state()["roles"].items() if at == space]
    def delete_role(self, id):
        keep({**state(), "roles": {i: s for i, s in state()["roles"].items() if i != id}})
"""
)
BOTO3 = (
    SERVER
    + """
class client:
    def __init__(self, *_, **__): pass
    def get_paginator(self, _): return self
    def paginate(self, Bucket, Prefix):
        yield {"Contents": [{"Key": k, "Size": 3} for k in state()["keys"] if k.startswith(Prefix)]}
    def delete_objects(self, Bucket, Delete):
        gone = {one["Key"] for one in Delete["Objects"]}
        assert 0 < len(gone) <= 1000
        keep({**state(), "keys": [k for k in state()["keys"] if k not in gone]})
        return {}
"""
)
MODULES = {
    "mlflow/__init__": MLFLOW,
    "mlflow/exceptions": "class MlflowException(Exception): pass\nRestException = MlflowException",
    "mlflow/entities": "class ViewType: ALL = 'ALL'",
    "mlflow/server/__init__": "",
    "mlflow/server/auth/__init__": "",
    "mlflow/server/auth/client": AUTH,
    "boto3": BOTO3,
    "botocore/__init__": "",
    "botocore/config": "def Config(**_): pass",
}
STATE = {
    "spaces": ["default", "red", "blue"],
    "users": ["admin", "red", "blue"],
    "roles": {"1": "red", "2": "blue"},
    "keys": [
        *(f"workspaces/red/1/{n}" for n in range(1001)),
        "workspaces/redder/1",
        "workspaces/blue/1",
    ],
}


@pytest.fixture
def mlflow(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script of MLflow's against a server that stands in for itself."""
    for name, text in MODULES.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "state.json").write_text(json.dumps(STATE))

    def run(program: str, space: str = "red") -> subprocess.CompletedProcess[str]:
        told = {
            "TEAM": space,
            "SPACE": space,
            "BUCKET": "mlflow",
            "MLFLOW_TRACKING_URI": "http://x",
        }
        places = {"PYTHONPATH": str(tmp_path), "STATE": str(tmp_path / "state.json")}
        return subprocess.run(
            [sys.executable, "-c", script("mlflow", program)],
            env={"PATH": os.environ["PATH"], **told, **places},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_what_a_team_has_in_mlflow_goes_and_nothing_else_does(
    mlflow: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    for files in (1001, 0):
        done = mlflow("remove.py")
        assert done.returncode == 0, done.stderr
        assert f"and {files} files" in done.stdout
        assert json.loads((tmp_path / "state.json").read_text()) == {
            "spaces": ["default", "blue"],
            "users": ["admin", "blue"],
            "roles": {"2": "blue"},
            "keys": ["workspaces/redder/1", "workspaces/blue/1"],
        }


def test_the_workspace_of_the_platform_stays(
    mlflow: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert mlflow("remove.py", "default").returncode == 1
    assert json.loads((tmp_path / "state.json").read_text()) == STATE


def test_the_archive_of_mlflow_has_what_was_deleted_and_numbers_that_json_has_not(
    mlflow: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = mlflow("archive.py")
    assert done.returncode == 0, done.stderr
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert last == {"count": len(lines)} == {"count": 1003}
    assert [line["kind"] for line in lines[:2]] == ["experiment", "run"]
    assert lines[1]["metrics"] == {"loss": "nan"}
    assert lines[1]["history"] == {"loss": [[0, 5, "inf"]]}
    assert lines[2] == {"kind": "artifact", "path": "1/0", "size": 3}


def test_a_team_without_a_workspace_has_an_empty_archive(
    mlflow: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    assert mlflow("archive.py", "nobody").stdout == '{"count": 0}\n'
