"""What a rule is, and all of them.

A rule decides by plain data and by nothing else. It has three answers: PASS, FAIL, and UNDECIDED
where a value that it needs is not known yet. Rules live in ``policies/rules/<subject>.py``, each
module in its tuple ``RULES``, and are found there.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from policies import rules as subjects
from policies.ground import Ground, Resource
from policies.verdict import Verdict

HERE = Path(__file__).parent
ADMISSION = (HERE / "kyverno", HERE / "admission")
"""Where the twins of rules at admission are, each named after its rule."""

Check = Callable[[Resource, Ground], Verdict]
"""Judges one resource."""
Relation = Callable[[Sequence[Resource], Ground], Mapping[str, Verdict]]
"""Judges resources together; the answer is by the name of what it is about."""
Intent = Callable[[Mapping[str, Any], Ground], Verdict]
"""Judges the settings of a stack, before there is a resource."""


class Severity(StrEnum):
    """How bad a violation is, in the words of the policy SDK."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Scope(StrEnum):
    """Whose resources a rule is about."""

    TEAM = "team"
    """What is in the namespace of a team."""
    PLATFORM = "platform"
    """What is in any other namespace."""
    CLUSTER = "cluster"
    """Both, and what is in no namespace."""
    CLOUD = "cloud"
    """What a cloud has."""
    PROGRAM = "program"
    """The program and its settings."""


class Gate(StrEnum):
    """Where rules are held against something, each seeing what those before it cannot."""

    SETTINGS = "settings"
    """Settings, before anything else."""
    PACK = "pack"
    """Resources in `preview` and `up`."""
    STATE = "state"
    """The recorded state, in which everything is known."""
    ADMISSION = "admission"
    """Whatever is written to the API server, by whomever."""
    LIVE = "live"
    """What is there now."""


@dataclass(frozen=True)
class Framework:
    """A requirement of someone else that a rule serves: name, version, and where in it."""

    name: str
    version: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. ``id`` is never used again for another; ``mandatory`` ones stop an update.

    ``types`` are patterns of the type tokens that it looks at. A rule has a ``check`` of single
    resources, a ``relation`` of several, an ``intent``, or more than one of them; one about who
    asks for a change has none of them, and its twin at admission alone. ``live`` is False for what
    can only be seen in a program's resources, such as protection.
    """

    id: str
    title: str
    severity: Severity
    scope: Scope
    frameworks: tuple[Framework, ...]
    rationale: str
    remedy: str
    types: tuple[str, ...] = ()
    check: Check | None = None
    relation: Relation | None = None
    intent: Intent | None = None
    live: bool = True
    mandatory: bool = True

    @property
    def twin(self) -> Path | None:
        """Return the file of the rule's twin at admission, if it has one."""
        files = (folder / f"{self.id.lower()}.yaml" for folder in ADMISSION)
        return next((file for file in files if file.is_file()), None)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Return the gates at which it is held, in their order."""
        judges = bool(self.check or self.relation)
        at = {
            Gate.SETTINGS: self.intent is not None,
            Gate.PACK: judges,
            Gate.STATE: judges,
            Gate.ADMISSION: self.twin is not None,
            Gate.LIVE: judges and self.live and self.scope is not Scope.CLOUD,
        }
        return tuple(gate for gate, held in at.items() if held)

    def looks_at(self, resource: Resource, ground: Ground) -> bool:
        """Say whether a resource is one of those that the rule is about."""
        if not of_type(resource.type, self.types):
            return False
        if self.scope is Scope.TEAM:
            return resource.namespace in ground.tenants
        return self.scope is not Scope.PLATFORM or resource.namespace not in ground.tenants

    def judge(self, resource: Resource, ground: Ground) -> Verdict:
        """Judge one resource. A rule that stumbles has not passed: its error is a failure."""
        assert self.check
        try:
            return self.check(resource, ground)
        except Exception as error:
            return self._stumbled(resource.type, error)

    def relate(self, resources: Sequence[Resource], ground: Ground) -> Mapping[str, Verdict]:
        """Judge resources together, of those alone that the rule is about."""
        assert self.relation
        seen = [resource for resource in resources if self.looks_at(resource, ground)]
        try:
            return self.relation(seen, ground)
        except Exception as error:
            return {"": self._stumbled("any type", error)}

    def intend(self, settings: Mapping[str, Any], ground: Ground) -> Verdict:
        """Judge settings."""
        assert self.intent
        try:
            return self.intent(settings, ground)
        except Exception as error:
            return self._stumbled("settings", error)

    def _stumbled(self, at: str, error: Exception) -> Verdict:
        # Never the error's own words: it may have stumbled over a secret.
        return Verdict.fail(f"{self.id} could not judge {at}: {type(error).__name__}")


@cache
def of_type(token: str, patterns: tuple[str, ...]) -> bool:
    """Say whether a type token is one of those that patterns name."""
    return any(fnmatchcase(token, pattern) for pattern in patterns)


@cache
def rules() -> tuple[Rule, ...]:
    """Return every rule, by id.

    Raises ValueError when two have the same id, or one is held at no gate.
    """
    names = [module.name for module in pkgutil.iter_modules(subjects.__path__)]
    modules = [importlib.import_module(f"{subjects.__name__}.{name}") for name in names]
    found = sorted((rule for module in modules for rule in module.RULES), key=lambda r: r.id)
    if len({rule.id for rule in found}) != len(found):
        raise ValueError(f"two rules have one id: {', '.join(rule.id for rule in found)}")
    if nowhere := [rule.id for rule in found if not rule.gates]:
        raise ValueError(f"rules that are held nowhere: {', '.join(nowhere)}")
    return tuple(found)
