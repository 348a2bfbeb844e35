"""Evidence: what was typed, what was answered, when, and by which versions, as Markdown. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.conformance.requirements import Device, Requirement
from policies.conformance.result import Outcome

LONGEST = 12_000
"""Characters of an output that are shown; its digest is always that of the whole."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command and what came of it. ``at`` is a time in UTC; ``given`` is what it read."""

    at: str
    command: str
    output: str
    code: int = 0
    given: str = ""
    waited: float = 0


@dataclass(frozen=True)
class Note:
    """What a reader has to know of the steps that follow, or of those before."""

    text: str


Entry = Step | Note


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What an evidence file is about and when it was made. ``stack`` has an ``environment``."""

    requirement: Requirement
    program: str
    stack: str
    environment: str
    began: str
    ended: str
    versions: Mapping[str, str]


def text(
    heading: Heading, outcome: Outcome, device: Device, reason: str, entries: Sequence[Entry]
) -> str:
    """Return the Markdown of an evidence file."""
    about = heading.requirement
    level = about.levels.get(heading.program)
    facts = {
        "Requirement": f"`{about.id}` ({level or 'not asked for'} in {heading.program})",
        "Outcome": str(outcome),
        "Device": str(device),
        "Stack": f"{heading.stack} ({heading.environment})",
        "Began": heading.began,
        "Ended": heading.ended,
        **heading.versions,
    }
    parts = [
        f"# {about.title}\n",
        f"{about.meaning}\n",
        "| | |\n|---|---|\n" + "".join(f"| {k} | {_cell(v)} |\n" for k, v in facts.items()),
        *([f"{reason}\n"] if reason else []),
        *([_caution(about, device)] if not device.shows(about.needs) else []),
        "## What was done\n",
        *(_entry(entry) for entry in entries),
    ]
    return "\n".join(parts)


def sha256(said: str) -> str:
    """Return the digest of a text."""
    return hashlib.sha256(said.encode()).hexdigest()


def _caution(about: Requirement, device: Device) -> str:
    return (
        f"What is shown here was seen with device `{device}`. Conformance needs `{about.needs}`:"
        " this shows how the platform behaves and is no evidence for conformance.\n"
    )


def _entry(entry: Entry) -> str:
    if isinstance(entry, Note):
        return f"{entry.text}\n"
    took = f", after {entry.waited:.0f} s" if entry.waited else ""
    digest = f"sha256 of the output `{sha256(entry.output)}`"
    blocks = [_block(f"$ {entry.command}", "console")]
    if entry.given:
        blocks.append(_block(entry.given, "yaml"))
    if entry.output.strip():
        blocks.append(_block(_short(entry.output)))
    head = f"{entry.at}{took}, exit code {entry.code}, {digest}\n"
    return "\n".join([head, *blocks])


def _short(said: str) -> str:
    left = len(said) - LONGEST
    return said if left <= 0 else f"{said[:LONGEST]}\n… {left} characters more"


def _block(said: str, kind: str = "text") -> str:
    """Return a code block, fenced by more signs than any line of it has."""
    fence = "```"
    while fence in said:
        fence += "`"
    return f"{fence}{kind}\n{said.rstrip()}\n{fence}\n"


def _cell(said: str) -> str:
    return " ".join(said.split()).replace("|", "\\|")
