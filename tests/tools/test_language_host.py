"""The language host as its engine meets it: a process, a port on its first line, and calls."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2 as lang
from pulumi.runtime.proto import language_pb2_grpc

RUNNER = """\
import json, os, sys
print(json.dumps({"argv": sys.argv[1:], "config": os.environ["PULUMI_CONFIG"],
                  "path": os.environ["PATH"], "cwd": os.getcwd()}), flush=True)
sys.exit(int(sys.argv[-1]))
"""


class Served:
    """A running host, with a client for it."""

    def __init__(self, tmp_path: Path) -> None:
        runner = tmp_path / "runner.py"
        runner.write_text(RUNNER)
        command = [sys.executable, "-P", "-m", "tools.language_host", "--exec", str(runner)]
        self.process = subprocess.Popen(
            [*command, "127.0.0.1:1", "--logflow"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self.client: Any = language_pb2_grpc.LanguageRuntimeStub(self.channel)

    def ended(self) -> tuple[int, str]:
        """Wait for the end of the process; return its exit code and what it said on stderr."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        code = self.process.wait(20)
        said = self.process.stderr.read()
        return code, said

    def close(self) -> None:
        self.channel.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    host = Served(tmp_path)
    yield host
    host.close()


def info(root: Path, **options: str) -> Any:
    described = lang.ProgramInfo(
        root_directory=str(root), program_directory=str(root), entry_point="."
    )
    described.options.update(options)
    return described


def plugin(root: Path, text: str, *args: str, kind: str = "resource") -> Any:
    (root / "__main__.py").write_text(text)
    env = [f"{name}={value}" for name, value in os.environ.items()]
    return lang.RunPluginRequest(
        pwd=str(root), info=info(root), kind=kind, args=list(args), env=[*env, "COLOUR=green"]
    )


def test_answers_what_the_engine_asks_first(served: Served, tmp_path: Path) -> None:
    served.client.Handshake(lang.LanguageHandshakeRequest(engine_address="127.0.0.1:2"))
    version = served.client.GetPluginInfo(empty_pb2.Empty()).version
    assert version.count(".") == 2
    about = served.client.About(lang.AboutRequest(info=info(tmp_path)))
    assert Path(about.executable).samefile(sys.executable)
    asked = lang.GetProgramDependenciesRequest(info=info(tmp_path))
    found = {d.name: d.version for d in served.client.GetProgramDependencies(asked).dependencies}
    assert found["pulumi"] == version


def test_names_the_providers_of_the_installed_sdks(served: Served, tmp_path: Path) -> None:
    asked = lang.GetRequiredPackagesRequest(info=info(tmp_path))
    packages = {p.name: p for p in served.client.GetRequiredPackages(asked).packages}
    assert packages["kubernetes"].kind == "resource"
    assert packages["kubernetes"].version


def test_takes_the_environment_that_the_project_names(served: Served, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    about = served.client.About(lang.AboutRequest(info=info(tmp_path, virtualenv="env")))
    assert about.executable == str(tmp_path / "env" / "bin" / "python")
    asked = lang.GetRequiredPackagesRequest(info=info(tmp_path, virtualenv="env"))
    assert not served.client.GetRequiredPackages(asked).packages


def test_an_environment_that_is_not_there_gives_way_to_our_own(
    served: Served, tmp_path: Path
) -> None:
    about = served.client.About(lang.AboutRequest(info=info(tmp_path, virtualenv="none")))
    assert Path(about.executable).samefile(sys.executable)


@pytest.mark.parametrize(
    ("code", "error", "bail"),
    [(0, "", False), (32, "", True), (3, "the Python program left with exit code 3", False)],
)
def test_runs_a_program(served: Served, tmp_path: Path, code: int, error: str, bail: bool) -> None:
    answer = served.client.Run(
        lang.RunRequest(
            project="p",
            stack="s",
            organization="o",
            pwd=str(tmp_path),
            program=".",
            monitor_address="127.0.0.1:3",
            dryRun=True,
            parallel=7,
            config={"p:a": "1"},
            configSecretKeys=["p:a"],
            args=[str(code)],
            info=info(tmp_path),
        )
    )
    assert (answer.error, answer.bail) == (error, bail)
    assert served.process.stdout is not None
    seen = json.loads(served.process.stdout.readline())
    words = " ".join(seen["argv"])
    assert "--monitor 127.0.0.1:3 --engine 127.0.0.1:1 --project p --stack s" in words
    assert "--dry_run true --parallel 7" in words
    assert json.loads(seen["config"]) == {"p:a": "1"}
    assert seen["path"].startswith(str(Path(sys.prefix, "bin")))
    assert seen["cwd"] == str(tmp_path)


def test_streams_what_a_plugin_says_and_its_exit_code(served: Served, tmp_path: Path) -> None:
    text = (
        "import os, sys\nprint(os.environ['COLOUR'], *sys.argv[1:])\n"
        "sys.stderr.write('oh')\nsys.exit(4)\n"
    )
    pieces = list(served.client.RunPlugin(plugin(tmp_path, text, "a", "b c")))
    assert b"".join(p.stdout for p in pieces) == b"green a b c\n"
    assert b"".join(p.stderr for p in pieces) == b"oh"
    assert pieces[-1].WhichOneof("output") == "exitcode"
    assert pieces[-1].exitcode == 4


def test_a_cancelled_plugin_is_gone(served: Served, tmp_path: Path) -> None:
    text = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
    call = served.client.RunPlugin(plugin(tmp_path, text))
    pid = int(next(iter(call)).stdout)
    assert Path("/proc", str(pid)).exists()
    call.cancel()
    _wait_for_the_end_of(pid)
    assert not Path("/proc", str(pid)).exists()
    assert served.process.poll() is None, "the host itself goes on"


def test_leaves_quietly_when_interrupted(served: Served, tmp_path: Path) -> None:
    text = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
    pid = int(next(iter(served.client.RunPlugin(plugin(tmp_path, text)))).stdout)
    served.process.send_signal(signal.SIGINT)
    assert served.ended() == (0, "")
    _wait_for_the_end_of(pid)


def test_leaves_when_the_engine_is_gone(served: Served) -> None:
    assert served.process.stdin is not None
    served.process.stdin.close()
    assert served.process.wait(20) == 0


def test_says_of_what_it_does_not_do_that_it_does_not(served: Served) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        served.client.GenerateProgram(lang.GenerateProgramRequest())
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_installs_nothing(served: Served, tmp_path: Path) -> None:
    asked = lang.InstallDependenciesRequest(info=info(tmp_path))
    (answer,) = served.client.InstallDependencies(asked)
    assert b"tools/bootstrap.sh" in answer.stdout


def _wait_for_the_end_of(pid: int) -> None:
    """Fail when the process is still there after ten seconds."""
    subprocess.run(
        ["tail", "--pid", str(pid), "-s", "0.1", "-f", "/dev/null"], check=True, timeout=10
    )
