"""The engine of a checkout, for real: its home, its language host, dynamic resources, the rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools import pulumi_home
from tools.paths import REPO
from tools.supply import Mode

pytestmark = pytest.mark.live

PROJECT = f"""\
name: tiny
main: program/
runtime:
  name: python
  options: {{toolchain: pip, virtualenv: {sys.prefix}}}
"""

# A file on disk, as a resource whose provider is a class of an importable module.
MODULE = """\
from pathlib import Path
from pulumi import Output, ResourceOptions
from pulumi.dynamic import (
    CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult
)

class Provider(ResourceProvider):
    def diff(self, _id, old, new):
        return DiffResult(changes=old.get("text") != new["text"])
    def create(self, props):
        Path(props["path"]).write_text(props["text"])
        return CreateResult(props["path"], {**props, "token": "canary-" + props["text"]})
    def read(self, id_, props):
        if not Path(id_).exists():
            return ReadResult(None, {})
        return ReadResult(id_, {**props, "text": Path(id_).read_text()})
    def update(self, id_, _old, new):
        Path(id_).write_text(new["text"])
        return UpdateResult({**new, "token": "canary-" + new["text"]})
    def delete(self, id_, _props):
        Path(id_).unlink(missing_ok=True)

class File(Resource):
    token: Output[str]
    def __init__(self, name, path, text):
        opts = ResourceOptions(additional_secret_outputs=["token"])
        super().__init__(Provider(), name, {"path": path, "text": text, "token": None}, opts)
"""

DYNAMIC = """\
import pulumi
from files_on_disk import File

config = pulumi.Config()
file = File("one", config.require("path"), config.require("text"))
pulumi.export("token", file.token)
"""

# The Kubernetes provider writes manifests to a folder instead of a cluster.
POD = """\
import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
render = k8s.Provider("render", render_yaml_to_directory=config.require("path"))
k8s.core.v1.Pod(
    "pod",
    metadata={"name": "pod", "namespace": "default"},
    spec={
        "automount_service_account_token": False,
        "containers": [{"name": "main", "image": config.require("image")}],
    },
    opts=pulumi.ResourceOptions(provider=render),
)
"""


class Engine:
    """The engine in a home of its own, with a tiny project."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.env = {**os.environ, **env, "PYTHONPATH": str(folder / "lib")}

    def project(self, program: str, **config: str) -> None:
        (self.folder / "program").mkdir()
        (self.folder / "lib").mkdir()
        (self.folder / "Pulumi.yaml").write_text(PROJECT)
        (self.folder / "lib" / "files_on_disk.py").write_text(MODULE)
        (self.folder / "program" / "__main__.py").write_text(program)
        self.config(**config)
        self.run("stack", "init", "t", cwd=pulumi_home.stack_project("tiny"))

    def config(self, **config: str) -> None:
        said = {"config": {f"tiny:{key}": value for key, value in config.items()}}
        (self.folder / "Pulumi.t.yaml").write_text(json.dumps(said))

    def run(self, *args: str, cwd: Path | None = None, code: int = 0) -> str:
        done = subprocess.run(
            ["pulumi", *args, "--non-interactive", "--color=never"],
            cwd=cwd or self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def do(self, verb: str, *args: str, code: int = 0) -> str:
        file = pulumi_home.stack_file("t", self.folder / "Pulumi.t.yaml")
        sure = () if verb == "preview" else ("--yes", "--skip-preview")
        return self.run(verb, "--stack=t", f"--config-file={file}", *sure, *args, code=code)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    # A name that has to be quoted wherever a shell or an address is made of it.
    home = tmp_path / "a home"
    monkeypatch.setenv("CNAI_HOME", str(home))
    return Engine(tmp_path, pulumi_home.prepare(Mode.AUTO))


def test_the_home_is_whole_and_made_once(engine: Engine) -> None:
    assert engine.run("version").strip().startswith("v3.")
    plugins = json.loads(engine.run("plugin", "ls", "--json"))
    assert [(p["name"], p["kind"]) for p in plugins] == [("kubernetes", "resource")]
    home = Path(engine.env["PULUMI_HOME"]).parent
    before = {path: path.lstat().st_mtime_ns for path in home.rglob("*")}
    start = time.monotonic()
    pulumi_home.prepare(Mode.AUTO)
    assert time.monotonic() - start < 2
    assert before == {path: path.lstat().st_mtime_ns for path in home.rglob("*")}


def test_a_dynamic_resource_lives_and_its_secret_is_none(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    engine.project(DYNAMIC, path=str(file), text="a")
    said = engine.do("up")
    assert "warning" not in said
    assert "[secret]" in said
    assert file.read_text() == "a"
    assert "unchanged" in engine.do("preview", "--expect-no-changes")

    engine.config(path=str(file), text="b")
    assert "1 updated" in engine.do("up")
    assert file.read_text() == "b"

    file.unlink()
    assert "1 deleted" in engine.do("refresh")
    assert "1 created" in engine.do("up")
    shown = engine.run("stack", "output", "token", "--stack=t", "--show-secrets")
    assert shown.strip() == "canary-b"

    engine.do("destroy")
    assert not file.exists()
    state = Path(engine.env["PULUMI_HOME"]).parent / "state"
    texts = [path.read_text(errors="ignore") for path in state.rglob("*") if path.is_file()]
    assert len(texts) > 5
    assert not [text for text in texts if "canary" in text]


def test_the_committed_stack_file_stays_as_it_is(engine: Engine, tmp_path: Path) -> None:
    engine.project(DYNAMIC, path=str(tmp_path / "out.txt"), text="a")
    before = (tmp_path / "Pulumi.t.yaml").read_text()
    engine.do("up")
    engine.do("destroy")
    assert (tmp_path / "Pulumi.t.yaml").read_text() == before


def test_a_mandatory_rule_refuses(engine: Engine, tmp_path: Path) -> None:
    engine.project(POD, path=str(tmp_path / "manifests"), image="busybox")
    pack = f"--policy-pack={REPO / 'policies'}"
    refused = engine.do("preview", pack, code=1)
    assert "CNAI-SUP-001" in refused
    assert "spec.containers[main] runs `busybox`" in refused
    assert "[mandatory]" in refused
    engine.do("up", pack, code=1)
    assert not list((tmp_path / "manifests").rglob("*.yaml")), "nothing was made"

    engine.config(path=str(tmp_path / "manifests"), image="busybox:1.37.0")
    passed = engine.do("preview", pack)
    assert "warning" not in passed
    assert "CNAI-" not in passed
    engine.do("up", pack)
    assert list((tmp_path / "manifests").rglob("*.yaml"))


def test_the_engine_leaves_nobody_behind(engine: Engine, tmp_path: Path) -> None:
    program = "import os, time\nprint('running', os.getpid(), flush=True)\ntime.sleep(600)\n"
    engine.project(program)
    file = pulumi_home.stack_file("t", engine.folder / "Pulumi.t.yaml")
    running = subprocess.Popen(
        ["pulumi", "preview", "--stack=t", f"--config-file={file}", "--non-interactive"],
        cwd=engine.folder,
        env=engine.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    line = next(line for line in running.stdout if "running " in line)
    pid = line.split("running ")[1].split()[0]
    running.kill()
    running.wait()
    running.stdout.close()
    subprocess.run(["tail", "--pid", pid, "-s", "0.1", "-f", "/dev/null"], check=True, timeout=20)
