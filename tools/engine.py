"""The container engine: the one that is there, or one from the distribution's packages."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools import docker_api, dockerd, host_packages, paths
from tools.errors import Problem, ProblemError


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers.

    ``host`` is its address as DOCKER_HOST wants it, ``docker`` the client's path, and ``ours`` says
    that we started it and so may stop it.
    """

    host: str
    docker: Path
    ours: bool

    def env(self) -> dict[str, str]:
        """Return the variables that make docker and kind use this engine and our programs."""
        first = (str(paths.home() / "bin"), str(self.docker.parent))
        rest = [p for p in os.environ.get("PATH", os.defpath).split(os.pathsep) if p not in first]
        return {"DOCKER_HOST": self.host, "PATH": os.pathsep.join((*first, *rest))}

    def run(self, *arguments: str, stdin: Path | None = None) -> str:
        """Return what the docker client prints; ``stdin`` is a file to feed it with.

        Raises CNAI-HOST-007 with the client's last line when it fails.
        """
        with (stdin or Path(os.devnull)).open("rb") as source:
            done = subprocess.run(
                [self.docker, *arguments],
                env={**os.environ, **self.env()},
                stdin=source,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise ProblemError(self._failure(arguments, done.stderr, done.returncode))
        return done.stdout

    @contextmanager
    def feed(self, *arguments: str) -> Iterator[IO[bytes]]:
        """Run the docker client and yield its standard input, to be written to.

        Raises CNAI-HOST-007 when it fails; a writer that it left behind is part of that failure.
        """
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [self.docker, *arguments],
                env={**os.environ, **self.env()},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            if process.stdin is None:
                raise AssertionError("a pipe was asked for")
            try:
                with suppress(BrokenPipeError), process.stdin as pipe:
                    yield pipe
            except BaseException:
                process.kill()
                process.wait()
                raise
            if code := process.wait():
                errors.seek(0)
                said = errors.read().decode(errors="replace")
                raise ProblemError(self._failure(arguments, said, code))

    def _failure(self, arguments: Sequence[str], said: str, code: int) -> Problem:
        lines = [line for line in said.splitlines() if line.strip()]
        return Problem(
            "CNAI-HOST-007",
            f"docker {' '.join(arguments[:3])} failed",
            lines[-1] if lines else f"exit code {code}",
            f"DOCKER_HOST={self.host} docker info",
        )


def candidates(environment: Mapping[str, str], context: str | None) -> list[str]:
    """Return the addresses to try, in order.

    DOCKER_HOST rules out all others, as it does for the docker client. ``context`` is the address
    of the client's chosen context.
    """
    if explicit := environment.get("DOCKER_HOST"):
        return [explicit]
    places = ["/var/run/docker.sock"]
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        places.append(f"{runtime}/docker.sock")
    if user := environment.get("HOME"):
        places.append(f"{user}/.docker/run/docker.sock")
    chosen = [context] if context else []
    found = [*chosen, *(f"{docker_api.UNIX}{place}" for place in places), dockerd.host()]
    return list(dict.fromkeys(found))


def find() -> Engine | None:
    """Return the engine that answers, or None.

    Raises CNAI-HOST-003 when there is one that this user may not speak to.
    """
    docker = shutil.which("docker")
    refused = None
    for host in candidates(os.environ, _context(docker)):
        try:
            answered = _answers(host, docker)
        except PermissionError:
            refused = refused or host
            continue
        if answered and docker:
            return Engine(host, Path(docker), ours=host == dockerd.host())
    if refused:
        raise ProblemError(
            Problem(
                "CNAI-HOST-003",
                f"this user may not speak to the Docker engine at {refused}",
                "its socket belongs to root and the group docker",
                'sudo usermod -aG docker "$USER" && newgrp docker',
                exit_code=2,
            )
        )
    return None


def _context(docker: str | None) -> str | None:
    """Return the address of the docker client's current context when one was chosen."""
    configuration = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        settings = json.loads((configuration / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not docker or settings.get("currentContext", "default") == "default":
        return None
    done = subprocess.run(
        [docker, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def _answers(host: str, docker: str | None) -> bool:
    if host.startswith(docker_api.UNIX):
        return docker_api.answers(host)
    if not docker:
        return False
    try:
        done = subprocess.run(
            [docker, "--host", host, "version"], capture_output=True, check=False, timeout=10
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def ensure() -> Engine:
    """Return an engine that answers; where there is none, install and start one.

    Only root on Debian or Ubuntu gets one installed (the distribution's ``docker.io``). Where
    systemd runs, its service is used; elsewhere the daemon is started by us. Safe to call from
    several processes at once. Raises CNAI-HOST-001 to 005 and 009.
    """
    if engine := find():
        return engine
    explicit = os.environ.get("DOCKER_HOST")
    if explicit and explicit != dockerd.host():
        raise ProblemError(
            Problem(
                "CNAI-HOST-002",
                f"no Docker engine answers at DOCKER_HOST={explicit}",
                "the variable rules out every other engine",
                "unset DOCKER_HOST",
                exit_code=2,
            )
        )
    if os.geteuid() != 0 or not (dockerd.program() or host_packages.installable()):
        raise ProblemError(absent(host_packages.distribution(), root=os.geteuid() == 0))
    with locked(dockerd.folder() / "lock"):
        return find() or _bring_up()


def _bring_up() -> Engine:
    if not (dockerd.program() and shutil.which("docker")):
        if not host_packages.installable():
            raise ProblemError(absent(host_packages.distribution(), root=True))
        host_packages.install(["docker.io"])
    if host_packages.systemd_runs():
        subprocess.run(["systemctl", "start", "docker"], capture_output=True, check=False)
    elif program := dockerd.program():
        dockerd.start(program)
    until = time.monotonic() + dockerd.START_SECONDS
    while not (engine := find()):
        if time.monotonic() > until:
            raise ProblemError(
                Problem(
                    "CNAI-HOST-009",
                    "the Docker engine of this machine does not answer",
                    f"it was started {dockerd.START_SECONDS:.0f} s ago",
                    "systemctl status docker",
                    exit_code=2,
                )
            )
        time.sleep(0.1)
    return engine


def absent(release: Mapping[str, str], *, root: bool) -> Problem:
    """Return the problem of a machine without an engine, with the fix for its system."""
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if host_packages.is_debian(release):
        fix = 'sudo apt-get install docker.io && sudo usermod -aG docker "$USER" && newgrp docker'
    elif family & {"fedora", "rhel", "centos"}:
        fix = "sudo dnf install moby-engine && sudo systemctl enable --now docker"
    elif family & {"suse", "opensuse"}:
        fix = "sudo zypper install docker && sudo systemctl enable --now docker"
    elif "arch" in family:
        fix = "sudo pacman -S docker && sudo systemctl enable --now docker"
    elif "alpine" in family:
        fix = "apk add docker && rc-service docker start"
    elif "darwin" in family:
        fix = "brew install colima docker && colima start --cpu 4 --memory 12"
    else:
        fix = "install Docker Engine 20.10 or newer and start it"
    why = (
        "an engine is installed by cnai on Debian and Ubuntu only"
        if root
        else "only root can install or start one"
    )
    return Problem("CNAI-HOST-001", "no Docker engine answers", why, fix, exit_code=2)


def stop_if_idle() -> bool:
    """Stop an engine of ours on which no container is left; tell whether one was stopped.

    Its bridge, firewall chains and ``/run/cnai`` go with it; the images stay in the cache. An
    engine that is not ours, or that has a container (running or not), is left alone.
    """
    if not dockerd.RUN.is_dir() or os.geteuid() != 0:
        return False
    with locked(dockerd.folder() / "lock"):
        if not dockerd.RUN.is_dir():
            return False
        # Only a running daemon can tell whether one that died left containers.
        if not docker_api.answers(dockerd.host()) and (program := dockerd.program()):
            dockerd.start(program)
        if docker_api.ask(dockerd.host(), "/containers/json?all=true"):
            return False
        docker_api.ask(dockerd.host(), "/networks/prune", method="POST", timeout=60)
        dockerd.stop()
        return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that lets one process at a time do what ``path`` stands for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
