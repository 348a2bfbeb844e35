"""Errors as records: what happened, why, and the command that mends it.

Every message that a user can meet is a :class:`Problem` with an id that is never reused. Several
problems are reported at once, so that one run tells all that has to be mended.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    ``exit_code`` follows the table of the Pulumi CLI: 1 error, 2 configuration (and preflight),
    3 authentication, 4 resource, 5 policy, 6 stack not found, 7 no changes, 8 cancelled, 9 timeout.
    """

    id: str
    what: str
    why: str
    fix: str
    exit_code: int = 1

    @property
    def more(self) -> str:
        """Page of the documentation that explains the id."""
        return f"docs/reference/errors.md#{self.id.lower()}"

    def record(self) -> dict[str, str | int]:
        """Return the problem as plain data, for JSON output and reports."""
        return {**asdict(self), "more": self.more}

    def __str__(self) -> str:
        """Return the four lines that a terminal shows."""
        return f"{self.id}  {self.what}\n  why  {self.why}\n  fix  {self.fix}\n  more {self.more}"


class ProblemError(Exception):
    """Raised with one or more problems; the exit code is that of the first."""

    def __init__(self, *problems: Problem) -> None:
        """Keep the problems in the order in which they were found."""
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems

    @property
    def exit_code(self) -> int:
        """Exit code of the process that reports these problems."""
        return self.problems[0].exit_code
