"""`cnai archive`: what a team has in the servers that it shares, written to files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.clusters.kind import kubeconfig_file
from components.job_log import Told, take
from components.team import Manifest
from stacks.cli import say
from stacks.compose import chosen, contexts, facts_of
from stacks.settings import Settings
from stacks.teams import is_tenant, team_of
from tools import supply
from tools.errors import Problem, ProblemError
from tools.paths import home
from tools.supply import Mode

SCHEMA = "cnai.dev/archive/v1"
INDEX = "index.json"
PARTIAL = ".partial"
"""What a file is called after its name when not all of it came."""
NOT_ASKED = "this value is not asked for"


def jobs(settings: Settings, mode: Mode) -> dict[str, Manifest]:
    """Return the Jobs that print what a tenant has, by the file that each is for. Pure.

    They read the Secrets that the cluster has: no password of the stack is asked for.
    """
    facts = facts_of(str(settings.extends), settings)
    addons = chosen(settings, mode)
    team = team_of(settings, facts, addons)
    seen = contexts(facts, settings, addons, lambda _: NOT_ASKED)
    shares = [addon.per_team(seen[addon.name], team) for addon in addons]
    return {name: job for share in shares for name, job in share.archive.items()}


def archive(stack: str, settings: Settings, to: Path | None = None) -> Path:
    """Write what a tenant has into a folder of its own in ``to``; return the folder.

    Raises ProblemError: CNAI-TEAM-010 when not all of it came, CNAI-TEAM-012 for a stack with a
    cluster of its own.
    """
    if not is_tenant(settings) or settings.team is None:
        raise ProblemError(_no_tenant(stack))
    asked = jobs(settings, supply.resolve(settings.supply))
    kubeconfig = kubeconfig_file(str(settings.extends)).read_text()
    say.step("archive", f"{', '.join(asked)} of team {settings.team.name}")
    with ThreadPoolExecutor(len(asked) or 1) as pool:
        came = pool.map(lambda job: take(kubeconfig, job), asked.values())
        found = dict(zip(asked, came, strict=True))
    now = datetime.now(UTC)
    folder = (to or home() / "archive") / f"{stack}-{now:%Y%m%dT%H%M%S.%fZ}"
    head = {"team": settings.team.name, "stack": stack, "base": str(settings.extends)}
    write(folder, {**head, "time": now.isoformat(timespec="seconds")}, found)
    if broken := {name: one.why for name, one in found.items() if one.why}:
        raise ProblemError(*[_not_all(name, why, folder) for name, why in broken.items()])
    say.done("archive", f"{sum(len(one.lines) for one in found.values())} entries in {folder}")
    return folder


def write(folder: Path, head: Mapping[str, str], found: Mapping[str, Told]) -> None:
    """Write the files and, last, their index; what is not whole has a name that says so."""
    folder.mkdir(parents=True, mode=0o700)
    files: list[dict[str, Any]] = []
    for name, one in found.items():
        data = "".join(f"{line}\n" for line in one.lines).encode()
        called = f"{name}{PARTIAL}" if one.why else name
        (folder / called).write_bytes(data)
        files.append(
            {
                "name": called,
                "entries": len(one.lines),
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                **({"why": one.why} if one.why else {}),
            }
        )
    index = {"schema": SCHEMA, **head, "complete": not any(o.why for o in found.values())}
    (folder / INDEX).write_text(json.dumps({**index, "files": files}, indent=2) + "\n")


def kept(problem: Problem, stack: str) -> Problem:
    """Say of a problem that nothing was taken away for it, and how to go on without an archive."""
    return replace(
        problem,
        why=f"{problem.why}; nothing was taken away",
        fix=f"{problem.fix}; or go without an archive: cnai down {stack} --no-archive",
    )


def _not_all(name: str, why: str, folder: Path) -> Problem:
    return Problem(
        "CNAI-TEAM-010",
        f"the archive lacks a part of `{name}`",
        why,
        f"run it again; what came is in {folder}",
        exit_code=9,
    )


def _no_tenant(stack: str) -> Problem:
    return Problem(
        "CNAI-TEAM-012",
        f"there is nothing of `{stack}` to archive",
        "it has a cluster of its own: what it has is in servers and volumes of its own",
        "name the stack of a team on the cluster of its base, as `cnai teams` lists them",
        exit_code=2,
    )
