"""Rules on what the settings of a stack ask for, held before there is any resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground
from policies.plain import UNKNOWN
from policies.pods import at
from policies.rules.rbac import GKE
from policies.verdict import PASS, Verdict

GUARDS = ("kyverno",)
"""Addons that hold rules at admission."""
ACCOUNT = "system:serviceaccount:"
Said = Mapping[str, Any]


def guarded(settings: Said, _: Ground) -> Verdict:
    """Fail for a stack that switches off what holds rules at admission."""
    failures, undecided = [], []
    for name in GUARDS:
        on = at(settings, "addons", name)
        if on is False:
            failures.append(f"cnai:addons.{name} switches off what holds rules at admission")
        elif on is UNKNOWN:
            undecided.append(f"cnai:addons.{name} is not known yet")
    return Verdict.of(failures, undecided)


def named_members(settings: Said, _: Ground) -> Verdict:
    """Fail for a team whose members are everybody, or names that are Kubernetes' own."""
    failures, undecided = [], []
    members = at(settings, "team", "members")
    if members is UNKNOWN:
        undecided.append("cnai:team.members is not known yet")
    for index, member in enumerate(members if isinstance(members, list | tuple) else ()):
        if member is UNKNOWN:
            undecided.append(f"cnai:team.members[{index}] is not known yet")
        elif isinstance(member, str) and _reserved(member):
            failures.append(f"cnai:team.members[{index}] is `{member}`, which is Kubernetes' own")
    return Verdict.of(failures, undecided)


def _reserved(member: str) -> bool:
    """Say whether a name begins as Kubernetes' own do; one account of a program is nobody else."""
    one = member.startswith(ACCOUNT) and not member.endswith(":default")
    return member.removeprefix("group:").startswith("system:") and not one


def bounded(settings: Said, _: Ground) -> Verdict:
    """Fail for a team that is given accelerators without an end, in time or in money."""
    given = _accelerators(settings)
    ends = [at(settings, "team", key) for key in ("expires", "budget")]
    if given is False or any(end is not UNKNOWN and end for end in ends):
        return PASS
    if given is UNKNOWN or UNKNOWN in ends:
        return Verdict.of([], ["what cnai:team is given, and until when, is not known yet"])
    return Verdict.fail("cnai:team has accelerators, and neither expires nor budget")


def stopped(settings: Said, _: Ground) -> Verdict:
    """Fail for a budget that only tells, where what it pays for has a price."""
    budget = at(settings, "team", "budget")
    stops = at(settings, "team", "budget", "stops")
    priced = _priced(settings)
    if not budget or stops is True or priced is False:
        return PASS
    if UNKNOWN in (budget, stops, priced):
        return Verdict.of([], ["whether cnai:team.budget stops anything is not known yet"])
    return Verdict.fail("cnai:team.budget does not stop when it is spent, and nodes have a price")


def _accelerators(settings: Said) -> Any:
    """Say whether a team is guaranteed an accelerator."""
    counts = at(settings, "team", "quota", "accelerators")
    if not isinstance(counts, Mapping):
        return UNKNOWN if counts is UNKNOWN else False
    return _any(_above_zero(count) for count in counts.values())


def _priced(settings: Said) -> Any:
    """Say whether a node costs something: pools have a shape, and prices are by pool or shape."""
    prices, pools = settings.get("prices"), settings.get("pools")
    own = list(prices.values()) if isinstance(prices, Mapping) else [prices]
    shaped = pools if pools is UNKNOWN else isinstance(pools, list | tuple) and bool(pools)
    return _any([shaped, *(_above_zero(price) for price in own)])


def _above_zero(value: Any) -> Any:
    return UNKNOWN if value is UNKNOWN else isinstance(value, int | float) and value > 0


def _any(answers: Iterable[Any]) -> Any:
    listed = list(answers)
    return True if True in listed else UNKNOWN if UNKNOWN in listed else False


def one_source(settings: Said, ground: Ground) -> Verdict:
    """Fail, in production, for a stack that lets each machine decide where programs come from."""
    supply = settings.get("supply")
    if not ground.production or supply not in (None, "auto", UNKNOWN):
        return PASS
    if supply is UNKNOWN:
        return Verdict.of([], ["cnai:supply is not known yet"])
    return Verdict.fail("cnai:supply is auto: what is installed depends on who installs it")


RULES = (
    Rule(
        id="CNAI-TEN-005",
        title="What holds rules at admission is not switched off",
        severity=Severity.HIGH,
        scope=Scope.PROGRAM,
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.2.1 policy control in place"),
        ),
        rationale="Rules that are held in programs alone do not hold for who uses kubectl.",
        remedy="Take the addon's `false` out of cnai:addons, or ask for a waiver with an end.",
        intent=guarded,
    ),
    Rule(
        id="CNAI-TEN-006",
        title="The members of a team are people, groups or accounts by name",
        severity=Severity.CRITICAL,
        scope=Scope.PROGRAM,
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.1.7 system:masters"),
            Framework(GKE, "1.9", "4.1.8 to 4.1.10 bindings to everybody"),
        ),
        rationale=(
            "Names that begin with system: are everybody, whole nodes or the cluster itself: with"
            " one as a member the team's namespace is open."
        ),
        remedy="Name users, and groups after group:, as the cluster's authentication gives them.",
        intent=named_members,
    ),
    Rule(
        id="CNAI-TEN-007",
        title="A team with accelerators has a last day or a budget",
        severity=Severity.LOW,
        scope=Scope.PROGRAM,
        frameworks=(Framework("FinOps Framework", "2026", "Budgeting"),),
        rationale="What nobody ends stays: accelerators are kept for a team that is long gone.",
        remedy="Say cnai:team.expires, or cnai:team.budget.",
        intent=bounded,
        mandatory=False,
    ),
    Rule(
        id="CNAI-TEN-008",
        title="A budget of what has a price ends admission when it is spent",
        severity=Severity.LOW,
        scope=Scope.PROGRAM,
        frameworks=(Framework("FinOps Framework", "2026", "Budgeting"),),
        rationale="Jobs run at night: who is only told the next day has spent more by then.",
        remedy="Set cnai:team.budget.stops to true.",
        intent=stopped,
        mandatory=False,
    ),
    Rule(
        id="CNAI-SUP-005",
        title="In production, a stack says where its programs and images come from",
        severity=Severity.LOW,
        scope=Scope.PROGRAM,
        frameworks=(Framework("SLSA", "1.0", "consuming artifacts: what was built is what runs"),),
        rationale="The same settings, installed from another machine, are then other programs.",
        remedy="Set cnai:supply to upstream or to source.",
        intent=one_source,
        mandatory=False,
    ),
)
