"""What the page and the terminal both say of a record. Pure."""

from __future__ import annotations

from policies.report.shape import Outcome, Record

MARKS = {"failed": "✗", "undecided": "?", "waived": "~", "passed": "✓", "nothing": "○"}
"""A sign for each outcome, so that colour is never alone in telling it."""
BESIDE: tuple[Outcome, ...] = ("waived", "undecided")
NAMES = {
    "failed": "failed",
    "undecided": "undecided",
    "waived": "waived",
    "passed": "passed",
    "nothing": "nothing to judge",
}
SEVERITIES = ("critical", "high", "medium", "low")
"""The worst first."""
SEES = {
    "settings": "the settings of the stack, before anything else",
    "pack": "the resources of the program, in preview and up",
    "state": "the recorded state, in which everything is known",
    "admission": "whatever is written to the API server, by whomever",
    "live": "what is in the cluster now",
}
"""What each gate sees."""


def headline(record: Record) -> str:
    """Return the one sentence that matters."""
    counts = record["counts"]
    others = [f"{counts[name]:,} {name}" for name in BESIDE if counts[name]]
    return ", ".join([_result(record), *others])


def _result(record: Record) -> str:
    failed, advice, notes = record["counts"]["failed"], record["advice"], len(record["notes"])
    match record["result"]:
        case "failed" if failed > advice:
            return f"Not passed: {many(failed, 'failure')} {are(failed)} open"
        case "failed":
            return f"Not passed: {many(notes, 'waiver')} {are(notes)} not in order"
        case "passed" if advice:
            return f"Passed: {many(advice, 'failure')} {are(advice)} open, as advice"
        case "passed":
            return "Passed: no failure is open"
        case "undecided":
            return "Not passed: nothing was decided"


def many(number: int, one: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def are(number: int) -> str:
    """Return the verb that goes with a number."""
    return "is" if number == 1 else "are"
