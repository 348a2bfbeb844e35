"""Serve a team's project: Feast's own three servers, in processes that share what they import.

Its imports take seconds and 150 MiB, which would be there three times. When a server ends, all do,
and the kubelet starts them again.
"""

import os
import signal
import sys

import feast.feature_server
import feast.infra.offline_stores.dask
import feast.offline_server
import feast.registry_server  # noqa: F401  imported once, for all
import platform_provider  # type: ignore[import-not-found]  # noqa: F401
import psycopg
from feast.cli.cli import cli

PROJECT = os.environ["PROJECT"]
SERVERS = (
    ("serve", "--host=0.0.0.0", "--no-access-log", "--registry_ttl_sec=5", "--metrics"),
    ("serve_registry",),
    ("serve_offline", "--host=0.0.0.0"),
)


def start(*command: str) -> int:
    """Run one of Feast's commands in a process of its own; return its id."""
    process = os.fork()
    if not process:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        cli(["--chdir", "/etc/cnai", *command])  # ends the process
    return process


def stop(processes: set[int]) -> None:
    """Ask the processes to end."""
    for process in processes:
        os.kill(process, signal.SIGTERM)


running: set[int] = set()
asked: list[int] = []


def end(number: int, _: object) -> None:
    """End all, because it was asked for."""
    asked.append(number)
    stop(running)


with psycopg.connect(autocommit=True) as connection:
    wanted = psycopg.sql.SQL("CREATE SCHEMA IF NOT EXISTS {}")
    connection.execute(wanted.format(psycopg.sql.Identifier(PROJECT)))
# Before the servers, each of which would make the registry's tables, all at once.
if os.waitpid(start("registry", "create-schema"), 0)[1]:
    sys.exit("the registry's tables could not be made")

signal.signal(signal.SIGTERM, end)
for command in SERVERS:
    running.add(start(*command))
if asked:  # while they were started
    stop(running)
while running:
    ended, _ = os.wait()
    if ended in running:  # the first process of a container is told of lost grandchildren too
        running.discard(ended)
        stop(running)
sys.exit(0 if asked else "a server has ended")
