"""Run the programs that builds are made of: output into a log, the telling line out of it.

A build's children must not outlive it: they die with the thread that started them, and an
interrupted build ends them by process group.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_OFFLINE = re.compile(
    r"no such host|temporary failure in name resolution|could not resolve|connection refused"
    r"|network is unreachable|i/o timeout|tls handshake timeout|max retries exceeded"
    r"|newconnectionerror|connection timed out|no route to host|proxyconnect"
    r"|name or service not known",
    re.IGNORECASE,
)
# In order of how much they tell; the first pattern with a match wins, and of its matches the first.
_TELLING = (
    re.compile(r"^.*\.go:\d+:\d+: .*$", re.MULTILINE),
    re.compile(r"^.*(?:no required module|missing go\.sum|checksum mismatch).*$", re.MULTILINE),
    re.compile(r"^.*Failed to fetch.*$", re.MULTILINE),
    re.compile(r"^.*No space left on device.*$", re.MULTILINE | re.IGNORECASE),
    re.compile(r"^(?:ERROR|E|error|fatal|F): ?.*$", re.MULTILINE),
    re.compile(r"^.*\berror\b.*$", re.MULTILINE | re.IGNORECASE),
)
_LONGEST_REASON = 240

_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()


class CommandError(Exception):
    """A program ended with another code than 0; ``reason`` is one line, ``log`` has the rest."""

    def __init__(self, argv: Sequence[str], code: int, output: str, log: Path) -> None:
        """Keep what is needed to tell a person why."""
        self.reason = telling_line(output) or f"{argv[0]} ended with code {code}"
        self.offline = is_offline(output)
        self.output = output
        self.log = log
        super().__init__(self.reason)


def telling_line(output: str) -> str:
    """Return the line of a compiler's or installer's output that says most, or an empty string."""
    for pattern in _TELLING:
        if match := pattern.search(output):
            return match.group().strip()[:_LONGEST_REASON]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:_LONGEST_REASON] if lines else ""


def is_offline(output: str) -> bool:
    """Tell whether the output reads as if a server could not be reached."""
    return bool(_OFFLINE.search(output))


def run(
    argv: Sequence[str | Path],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a program to its end with its output appended to ``log``.

    ``env`` is laid over the environment of this process. Raises :class:`CommandError` when it ends
    with another code than 0, and :class:`FileNotFoundError` when there is no such program.
    """
    words = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        sink.write(f"+ {' '.join(words)}\n".encode())
        sink.flush()
        start = sink.tell()
        child = subprocess.Popen(
            _dying_with_us(words),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        with _guard:
            _running.add(child)
        try:
            code = child.wait()
        finally:
            with _guard:
                _running.discard(child)
    if code:
        with log.open("rb") as source:
            source.seek(start)
            raise CommandError(words, code, source.read().decode(errors="replace"), log)


def read(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Return what a short program prints. Raises as :func:`run` does, with its messages."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
    )
    if done.returncode:
        raise CommandError(words, done.returncode, done.stderr or done.stdout, Path())
    return done.stdout


def end_all() -> None:
    """End every program that :func:`run` is waiting for, with its children."""
    with _guard:
        for child in _running:
            try:
                os.killpg(child.pid, signal.SIGTERM)
            except ProcessLookupError:
                continue


def _dying_with_us(words: list[str]) -> list[str]:
    """Have the kernel end the program when the thread that waits for it is gone (kill -9)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *words] if setpriv else words
