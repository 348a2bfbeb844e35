"""The Python language host of the Pulumi engine, for machines where Pulumi's own is not to be had.

The official host is part of the CLI's release bundle and of no package registry. This one speaks
the same protocol, ``pulumirpc.LanguageRuntime`` as in the ``pulumi`` package, for programs, policy
packs and plugins whose dependencies are already installed. Calls that generate code answer
UNIMPLEMENTED, which the engine understands.

Usage: ``python -P -m tools.language_host --exec PULUMI_LANGUAGE_PYTHON_EXEC ENGINE_ADDRESS``
"""

from __future__ import annotations

import argparse
import base64
import importlib.machinery
import json
import os
import platform
import queue
import signal
import stat
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import grpc

from tools.python_environment import Environment

# Importing ``pulumi`` itself costs half a second at every start, and the host needs its stubs only:
# stand in for the two packages above them, so that their ``__init__`` does not run.
_SPEC = importlib.machinery.PathFinder.find_spec("pulumi")
for _name, _below in (("pulumi", ()), ("pulumi.runtime", ("runtime",))):
    if _SPEC is not None and _name not in sys.modules:
        _package = types.ModuleType(_name)
        _package.__path__ = [str(Path(p, *_below)) for p in _SPEC.submodule_search_locations or []]
        sys.modules[_name] = _package

from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2 as lang
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

OWN = Environment(Path(sys.prefix))
# The program printed its own account of what went wrong (pulumi-language-python-exec).
SHOWN_TO_THE_USER = 32
# Seconds that a child is given to leave after it was asked to.
GRACE = 5


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs Python programs, policy packs and plugins as children of this process."""

    def __init__(self, engine: str, program_runner: Path) -> None:
        """Serve the engine at ``engine`` (host:port); ``program_runner`` is what runs a program."""
        self.engine = engine
        self.program_runner = program_runner
        self.children: set[subprocess.Popen[bytes]] = set()

    def Handshake(self, request: Any, context: Any) -> Any:
        """Take the engine's address, which may differ from that of the command line."""
        self.engine = request.engine_address or self.engine
        return lang.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """Tell the version: that of the SDK, with which a host is released."""
        return plugin_pb2.PluginInfo(version=OWN.distributions().get("pulumi", ""))

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        """Name the provider of every installed Pulumi SDK (its ``pulumi-plugin.json`` tells)."""
        response = lang.GetRequiredPackagesResponse()
        for plugin in _environment(request.info).providers():
            package = response.packages.add(kind="resource", name=plugin["name"])
            package.version = plugin.get("version", "")
            package.server = plugin.get("server", "")
            if extra := plugin.get("parameterization"):
                package.parameterization.name = extra["name"]
                package.parameterization.version = extra["version"]
                package.parameterization.value = base64.b64decode(extra.get("value", ""))
        return response

    def Run(self, request: Any, context: Any) -> Any:
        """Run a program to its end; what it prints goes to the engine by our own streams."""
        flags = {
            "--monitor": request.monitor_address,
            "--engine": self.engine,
            "--project": request.project,
            "--stack": request.stack,
            "--organization": request.organization,
            "--pwd": request.pwd,
            "--root_directory": request.info.root_directory,
            "--dry_run": str(request.dryRun).lower(),
            "--parallel": str(request.parallel),
        }
        program = Path(request.info.program_directory, request.info.entry_point or ".")
        environment = _environment(request.info)
        command = [environment.python, "-u", str(self.program_runner)]
        command += [word for flag, value in flags.items() if value for word in (flag, value)]
        env = environment.variables(dict(os.environ))
        env["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        env["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        child = self._start([*command, str(program), *request.args], env, request.pwd, context)
        code = child.wait()
        self.children.discard(child)
        if code in (0, SHOWN_TO_THE_USER):
            return lang.RunResponse(bail=code == SHOWN_TO_THE_USER)
        return lang.RunResponse(error=f"the Python program left with exit code {code}")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        """Run a policy pack or a plugin in Python; stream its output, then its exit code."""
        directory = request.info.program_directory
        environment = _environment(request.info)
        command = [environment.python, "-u"]
        if request.kind == "analyzer":
            # Rules are found beside the pack, whatever the working directory of the engine.
            command += ["-m", "pulumi.policy", *request.args, directory]
            pwd = directory
        else:
            command += [str(Path(directory, request.info.entry_point or ".")), *request.args]
            pwd = request.pwd
        env = dict(word.partition("=")[::2] for word in request.env) or dict(os.environ)
        child = self._start(command, environment.variables(env), pwd, context, stream=True)
        pieces: queue.Queue[Any] = queue.Queue()
        for name in ("stdout", "stderr"):
            args = (name, getattr(child, name), pieces)
            threading.Thread(target=_pump, args=args, daemon=True).start()
        for _stream in range(2):
            while (piece := pieces.get()) is not None:
                yield piece
        code = child.wait()
        self.children.discard(child)
        yield lang.RunPluginResponse(exitcode=code)

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        """Do nothing but say who does: the environment comes whole, before the engine."""
        yield lang.InstallDependenciesResponse(
            stdout=f"{_environment(request.info).prefix} is made by tools/bootstrap.sh\n".encode()
        )

    def About(self, request: Any, context: Any) -> Any:
        """Name the interpreter that programs run on."""
        python = _environment(request.info).python
        return lang.AboutResponse(executable=python, version=platform.python_version())

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        """List the installed distributions."""
        found = sorted(_environment(request.info).distributions().items())
        return lang.GetProgramDependenciesResponse(
            dependencies=[lang.DependencyInfo(name=name, version=v) for name, v in found]
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        """Ask every child to leave."""
        self.stop()
        return empty_pb2.Empty()

    def stop(self) -> None:
        """End what runs: first asked, after five seconds made to."""
        for child in list(self.children):
            _end(child)

    def _start(
        self, command: list[str], env: dict[str, str], pwd: str, context: Any, stream: bool = False
    ) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE if stream else None
        child = subprocess.Popen(
            command, env=env, cwd=pwd, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        self.children.add(child)
        # The engine stops a plugin by cancelling the call. At the end of a call that ran to its end
        # this finds the child gone.
        context.add_callback(lambda: _end(child))
        return child


def _environment(info: Any) -> Environment:
    """Environment of a program: its option ``virtualenv``, relative to its root, or our own."""
    named = json_format.MessageToDict(info.options).get("virtualenv")
    found = Environment(Path(info.root_directory, named)) if named else OWN
    return found if Path(found.python).exists() else OWN


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            child.kill()


def _pump(name: str, stream: IO[bytes], pieces: queue.Queue[Any]) -> None:
    for line in stream:
        piece = lang.RunPluginResponse()
        setattr(piece, name, line)
        pieces.put(piece)
    pieces.put(None)


def _wait_for_the_end_of_input(done: threading.Event) -> None:
    os.read(0, 1)
    done.set()


def main() -> None:
    """Serve until the engine interrupts us or is gone."""
    parser = argparse.ArgumentParser(prog="pulumi-language-python", description=__doc__)
    parser.add_argument("--exec", type=Path, required=True, dest="program_runner")
    parser.add_argument("engine", nargs="?", default="", help="address of the engine")
    # The engine may add flags for logs and tracing, which are not for us.
    args, _ = parser.parse_known_args()

    done = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: done.set())
    host = Host(args.engine, args.program_runner)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=32),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    sys.stdout.write(f"{server.add_insecure_port('127.0.0.1:0')}\n")
    server.start()
    sys.stdout.flush()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        # The engine holds the other end of our standard input, and says nothing there: when the
        # end comes, the engine is gone, however it went.
        threading.Thread(target=_wait_for_the_end_of_input, args=(done,), daemon=True).start()
    done.wait()
    host.stop()
    server.stop(0)
    # Threads of cancelled calls may still wait for their children; there is nothing left to save.
    os._exit(0)


if __name__ == "__main__":
    main()
