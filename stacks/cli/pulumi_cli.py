"""Runs `pulumi` for a stack and follows what its engine says."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stacks.cli.events import Progress
from tools.paths import REPO, home

MARK = "CNAI_RUN_OF"
"""Variable of every process of a run: whose it is."""
PAUSE = 0.2
"""Seconds between two looks at the engine's log."""


def mark(stack: str) -> str:
    """Return what the processes of a run carry: the stack, and the home that has its state."""
    return f"{stack}@{home().resolve()}"


class Pulumi:
    """The Pulumi command for one stack, in the environment that keeps to this checkout."""

    def __init__(self, stack: str, env: Mapping[str, str], config: Path) -> None:
        """Use the environment and the stack file that ``tools.pulumi_home`` gave."""
        self.stack = stack
        self._config = f"--config-file={config}"
        # The log of events is one of the commands for debugging.
        # The mark tells the plugins of a run that was killed (stacks/cli/recover.py).
        self._env = {**os.environ, **env, "PULUMI_DEBUG_COMMANDS": "true", MARK: mark(stack)}
        self.log = home() / "logs" / f"{stack}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)

    def ask(
        self, *args: str, cwd: Path = REPO, told: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a short command and return what it said; the caller looks at the exit code.

        ``told`` is what it reads: a secret stands in no argument.
        """
        return subprocess.run(
            ["pulumi", *args, f"--stack={self.stack}", "--non-interactive"],
            cwd=cwd,
            env=self._env,
            input=told,
            capture_output=True,
            text=True,
            check=False,
        )

    def output(self, name: str) -> str | None:
        """Return an output of the stack in plain text, or None when there is none."""
        done = self.ask("stack", "output", name, "--show-secrets", "--json")
        if done.returncode:
            return None
        value = json.loads(done.stdout)
        return value if isinstance(value, str) else json.dumps(value)

    def run(
        self, verb: str, *args: str, say: Callable[[str], None], keep: Path | None = None
    ) -> tuple[int, Progress]:
        """Run a verb that goes through the program; return the exit code and what happened.

        The engine's own output goes to ``.cnai/logs/<stack>.log``; ``keep`` is where the log of its
        events is left.
        """
        progress, env = Progress(), self._env
        if verb == "destroy":
            # The state is written once, at the end, and not after each of the objects that went
            # with their cluster. A run that is killed leaves it as it was; the next one finds the
            # cluster gone and forgets what lived in it.
            env = {**env, "PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
        with tempfile.TemporaryDirectory() as folder, self.log.open("w") as log:
            events = keep or Path(folder, "events")
            events.touch()
            process = subprocess.Popen(
                [
                    *("pulumi", verb, f"--stack={self.stack}", "--non-interactive"),
                    *("--color=never", f"--event-log={events}", self._config, *args),
                    # A preview before it would write the same log of events first.
                    *(("--yes", "--skip-preview") if verb != "preview" else ()),
                ],
                cwd=REPO,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            with _following(events, process, progress, say):
                try:
                    code = process.wait()
                except KeyboardInterrupt:
                    # The engine got the signal too: it ends its step and saves what it did.
                    say("stopping after the current step; run the same command again to go on")
                    code = process.wait() or 8
        return code, progress


@contextmanager
def _following(
    events: Path,
    process: subprocess.Popen[bytes],
    progress: Progress,
    say: Callable[[str], None],
) -> Iterator[None]:
    ended = threading.Event()

    def follow() -> None:
        for event in _lines(events, ended):
            for line in progress.feed(event):
                say(line)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if process.poll() is None:
            process.terminate()


def _lines(path: Path, ended: threading.Event) -> Iterator[dict[str, Any]]:
    """Yield the events of a log that grows, until it has ended and was read whole."""
    rest = ""
    with path.open() as file:
        while True:
            last = ended.is_set()
            rest += file.read()
            *whole, rest = rest.split("\n")
            for line in whole:
                if line.strip():
                    yield json.loads(line)
            if last:
                return
            ended.wait(PAUSE)
