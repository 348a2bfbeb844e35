"""What was shown of a requirement, on which device, and whether that makes it conformant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from policies.conformance.requirements import Device, Level, Requirement, of_version

SCHEMA = "cnai.dev/conformance/v1"
LAPTOP = "kind"
"""The environment that has no real devices."""


class Outcome(StrEnum):
    """What became of a requirement. All but the first come with a reason."""

    IMPLEMENTED = "implemented"
    """It was done, and seen."""
    PARTIAL = "partial"
    """A part of it was seen."""
    NOT_IMPLEMENTED = "not-implemented"
    """The platform has nothing that does it."""
    NOT_APPLICABLE = "not-applicable"
    """It asks for something only where there is something else, which there is not."""
    FAILED = "failed"
    """There is something for it, which did not do it."""
    NOT_RUN = "not-run"
    """Nobody has looked."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one requirement. ``evidence`` is the name of a file, ``sha256`` its digest."""

    id: str
    outcome: Outcome
    device: Device
    reason: str = ""
    evidence: str = ""
    sha256: str = ""

    def data(self) -> dict[str, str]:
        """Return it as plain data."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Result:
        """Return the result that plain data tell. Raises KeyError, TypeError or ValueError."""
        return cls(
            **{**data, "outcome": Outcome(data["outcome"]), "device": Device(data["device"])}
        )


def not_run(id_: str, why: str) -> Result:
    """Return the result of what nobody has looked at."""
    return Result(id=id_, outcome=Outcome.NOT_RUN, device=Device.NONE, reason=why)


def complete(version: str, found: Iterable[Result], why: str) -> list[Result]:
    """Return a result for each requirement of a version; what none was found of was not run."""
    by_id = {result.id: result for result in found}
    return [by_id.get(each.id) or not_run(each.id, why) for each in of_version(version)]


def conformant(requirement: Requirement, result: Result) -> bool:
    """Say whether a result counts: it was done, on a device that can show it.

    What does not apply counts too: the program asks for its reason and for no device.
    """
    if result.outcome is Outcome.NOT_APPLICABLE:
        return bool(result.reason)
    return result.outcome is Outcome.IMPLEMENTED and result.device.shows(requirement.needs)


def owed(requirement: Requirement, version: str, environment: str) -> bool:
    """Say whether an environment has to do it: every MUST, on kind those without real devices."""
    must = requirement.levels.get(version) is Level.MUST
    return must and (environment != LAPTOP or requirement.needs is not Device.REAL)


def broken(version: str, results: Sequence[Result], environment: str) -> list[Result]:
    """Return the results that fall short of what an environment has to do.

    And those of any MUST that has something for it which does not work: a fault on a simulated
    device is a fault.
    """
    by_id = {each.id: each for each in of_version(version)}
    return [
        result
        for result in results
        if (each := by_id.get(result.id))
        and (
            (owed(each, version, environment) and not conformant(each, result))
            or (each.levels[version] is Level.MUST and result.outcome is Outcome.FAILED)
        )
    ]


def verdict(requirement: Requirement, result: Result) -> str:
    """Say in a few words what may be concluded."""
    if conformant(requirement, result):
        return "conformant"
    if result.outcome is Outcome.IMPLEMENTED:
        return f"seen on {result.device}, needs {requirement.needs}"
    return str(result.outcome)


def record(
    version: str,
    results: Sequence[Result],
    *,
    stack: str,
    environment: str,
    date: str,
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Return all results of a version as one plain dict, for results.json."""
    by_id = {result.id: result for result in results}
    rows = [
        {
            **by_id[each.id].data(),
            "title": each.title,
            "level": str(each.levels[version]),
            "needs": str(each.needs),
            "layer": str(each.layers.get(environment, "")),
            "conformant": conformant(each, by_id[each.id]),
        }
        for each in of_version(version)
    ]
    musts = [row for row in rows if row["level"] == Level.MUST]
    return {
        "schema": SCHEMA,
        "stack": stack,
        "environment": environment,
        "program": version,
        "date": date,
        "versions": dict(versions),
        "conformant": all(row["conformant"] for row in musts),
        "counts": {
            str(level): {
                "all": len(of_level := [row for row in rows if row["level"] == level]),
                "conformant": sum(bool(row["conformant"]) for row in of_level),
            }
            for level in Level
        },
        "results": rows,
    }
