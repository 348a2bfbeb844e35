"""`cnai fork`: write a team's stack, make it, and say what it is and who may use it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from components.prices import Estimate
from components.team import Budget
from stacks import forking, stack_files
from stacks.cli import say
from stacks.cli.reencrypt import reencrypt
from stacks.cli.session import open_stack
from stacks.compose import chosen, facts_of
from stacks.settings import Settings, addon_settings, inherited, load
from stacks.team_settings import Mode
from stacks.teams import checked, is_tenant, price_of, team_of
from tools import supply
from tools.errors import Problem, ProblemError


def fork(base: str, said: Mapping[str, Any]) -> int:
    """Write and make the stack of a team; ``said`` is what its file says beside its base.

    Raises ProblemError before anything was written: CNAI-CONFIG-00x, CNAI-TEAM-00x.
    """
    below = stack_files.settings(base)
    team = str(said["team"]["name"])
    stack = forking.name(team, base)
    settings = load(inherited(stack, {"extends": base, **said}, stack_files.read))
    checked(stack, {"extends": base, **said}, settings, below)
    mode = supply.resolve(settings.supply)
    facts, addons = facts_of(base, settings), chosen(settings, mode)
    made = team_of(settings, facts, addons)
    path = write(stack, forking.text(base, said))
    supply.ensure(["program:pulumi"], mode)
    open_stack(stack, mode)
    if not is_tenant(settings):
        for secret in reencrypt(base, stack, mode):
            say.line("fork", f"{secret} is a secret: encrypted again, for {stack}")
    say.done(
        "fork", f"{_short(path)}: {forking.WHAT[said['team'].get('mode', 'tenant')]} of {base}"
    )
    for line in forking.differences(stack_files.read(base) or {}, said):
        say.line("fork", f" {line}")
    say.out.print()
    part, more = ("guaranteed", "; more while others idle") if made.tenant else ("has", "")
    for pool, amounts in made.quota.items():
        given = ", ".join(f"{n} {q}" for n, q in amounts.items() if q != "0") or "nothing"
        say.out.print(f"  {part:<11} {pool}: {given}{more}")
    say.out.print(f"  {'price':<11} {priced(price_of(made, settings, facts, addons))}")
    if made.budget:
        say.out.print(f"  {'budget':<11} {budgeted(made.budget)}")
    say.out.print(f"  {'members':<11} {', '.join(made.members) or 'whoever has its kubeconfig'}")
    if settings.team and settings.team.expires:
        say.out.print(f"  {'until':<11} {settings.team.expires}")
    say.out.print(f"\nNext: bring it up\n  cnai up {stack}")
    return 0


def write(stack: str, text: str) -> Path:
    """Write a stack file that is not there yet; of two at once one is told so.

    Raises ProblemError (CNAI-TEAM-008) when it is there.
    """
    path = stack_files.path(stack)
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise ProblemError(
            Problem(
                "CNAI-TEAM-008",
                f"there is a stack `{stack}` already",
                f"{path} says what it is",
                f"change that file, or take it away: cnai down {stack} && rm {path}",
                exit_code=2,
            )
        ) from None
    return path


def asked(
    base: Settings,
    facts_name: str,
    *,
    gpus: int | None,
    cpu: str | None,
    memory: str | None,
) -> dict[str, Any]:
    """Return a quota; accelerators without a name are those of the base's first pool with some."""
    quota: dict[str, Any] = {n: v for n, v in (("cpu", cpu), ("memory", memory)) if v}
    if gpus:
        facts = facts_of(facts_name, base)
        addons = chosen(base, supply.resolve(base.supply))
        served = [d.resource for a in addons for d in a.devices(facts, addon_settings(a, base))]
        known = [*(p.accelerator for p in facts.pools if p.accelerator), *served]
        quota["accelerators"] = {known[0] if known else "nvidia.com/gpu": gpus}
    return quota


def ports(base: Settings) -> dict[str, int]:
    """Return ports of this machine that nobody listens on, for a cluster beside its base's."""
    found: dict[str, int] = {}
    for name in base.ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found[name] = int(probe.getsockname()[1])
    return found


def today() -> date:
    """Return the day by which expiry is counted (UTC)."""
    return datetime.now(tz=UTC).date()


def described(  # noqa: PLR0913  one for each option of the command
    base: str,
    *,
    team: str,
    mode: Mode,
    gpus: int | None,
    cpu: str | None,
    memory: str | None,
    budget: float | None,
    stops: bool,
    ttl: str | None,
    members: list[str],
) -> dict[str, Any]:
    """Return what the file of a fork says, from what a person asked for.

    Raises ProblemError (CNAI-TEAM-014) for a stop at a budget that is not said.
    """
    if stops and not budget:
        raise ProblemError(_no_budget())
    below = stack_files.settings(base)
    said: dict[str, Any] = {"name": team, "mode": mode.value}
    if quota := asked(below, base, gpus=gpus, cpu=cpu, memory=memory):
        said["quota"] = quota
    if members:
        said["members"] = members
    if budget:
        said["budget"] = {"amount": budget, **({"stops": True} if stops else {})}
    if ttl:
        said["expires"] = forking.until(ttl, today())
    return {"team": said, **({"ports": ports(below)} if mode is Mode.STACK else {})}


def priced(found: Estimate) -> str:
    """Return the price of what is guaranteed as a person reads it. Pure."""
    unknown = f"unknown for {', '.join(found.unknown)}" if found.unknown else ""
    if not found.hour:
        return unknown or "nothing is guaranteed, nothing is to be paid for it"
    text = f"{found.hour:,.2f} USD an hour, {found.month:,.0f} a month if it is used all the time"
    if found.simulated:
        text += f" (simulated: nobody pays for {', '.join(found.simulated)})"
    return f"{text}; {unknown}" if unknown else text


def budgeted(budget: Budget) -> str:
    """Return a budget as a person reads it. Pure."""
    end = "then nothing more is admitted" if budget.stops else "then an alert is raised"
    return f"{budget.amount:,.2f} {budget.currency} a month, {end}"


def _no_budget() -> Problem:
    return Problem(
        "CNAI-TEAM-014",
        "there is no budget to stop at",
        "`--stop-at-budget` was said without `--budget`",
        "say what may be spent in a month: --budget 500 --stop-at-budget",
        exit_code=2,
    )


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
