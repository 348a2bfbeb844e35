"""What a rule is, and all of them.

A rule decides by the type token and the properties of one resource, and by nothing else. It has
three answers: PASS, FAIL, and UNDECIDED where a value that it needs is not known yet. Rules live in
``policies/<subject>.py``, each module in its tuple ``RULES``, and are found there.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import policies


class Outcome(StrEnum):
    """The answers of a rule."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


class Severity(StrEnum):
    """How bad a violation is, in the words of the policy SDK."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Framework:
    """A requirement of someone else that a rule serves: name, version, and where in it."""

    name: str
    version: str
    reference: str


@dataclass(frozen=True)
class Verdict:
    """An answer with its reasons: one message for each place that fails or is undecided.

    Messages name places, never values: secrets reach a rule in clear.
    """

    outcome: Outcome
    messages: tuple[str, ...] = ()

    @classmethod
    def of(cls, failures: list[str], undecided: list[str]) -> Verdict:
        """One failure decides; otherwise one place in doubt leaves it open."""
        if failures:
            return cls(Outcome.FAIL, tuple(failures))
        if undecided:
            return cls(Outcome.UNDECIDED, tuple(undecided))
        return cls(Outcome.PASS)


@dataclass(frozen=True)
class Rule:
    """One rule. ``id`` is never used again for another; ``mandatory`` ones stop an update."""

    id: str
    title: str
    severity: Severity
    frameworks: tuple[Framework, ...]
    rationale: str
    remedy: str
    check: Callable[[str, Mapping[str, Any]], Verdict]
    mandatory: bool = True

    def judge(self, type_: str, props: Mapping[str, Any]) -> Verdict:
        """Judge one resource. A rule that stumbles has not passed: its error is a failure."""
        try:
            return self.check(type_, props)
        except Exception as error:
            why = f"{self.id} could not judge a resource of type {type_}: {type(error).__name__}"
            return Verdict(Outcome.FAIL, (why,))


@cache
def rules() -> tuple[Rule, ...]:
    """Return every rule, by id. Raises ValueError when two have the same id."""
    modules = (importlib.import_module(f"policies.{m.name}") for m in _modules())
    found = sorted((r for m in modules for r in getattr(m, "RULES", ())), key=lambda r: r.id)
    if len({rule.id for rule in found}) != len(found):
        raise ValueError(f"two rules have one id: {', '.join(rule.id for rule in found)}")
    return tuple(found)


def _modules() -> list[pkgutil.ModuleInfo]:
    # The pack serves rules and has none; its main program would start serving when imported.
    no_subject = ("__main__", "pack")
    return [m for m in pkgutil.iter_modules(policies.__path__) if m.name not in no_subject]
