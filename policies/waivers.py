"""Waivers: who bears a failure, why, by which ticket and until when.

A waiver is data. It names one rule and the resources that it is for; it never takes a rule away.
One that is over, or that names too much, is a failure itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from policies.audit import Finding
from policies.verdict import Outcome

KEYS = ("rule", "resource", "owner", "reason", "ticket", "expires")


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A failure that is borne: ``expires`` is the last day.

    ``resource`` is a name or a pattern of names, of which one part between slashes is no pattern.
    """

    rule: str
    resource: str
    owner: str
    reason: str
    ticket: str
    expires: date

    def bears(self, finding: Finding) -> bool:
        """Say whether a finding is one of those that it is for."""
        return finding.rule == self.rule and fnmatchcase(finding.resource, self.resource)


def read(said: Sequence[Mapping[str, Any]], known: Iterable[str]) -> tuple[list[Waiver], list[str]]:
    """Return the waivers that are whole, and what is wrong with the others.

    ``known`` are the ids of rules. A day may be a text in ISO form.
    """
    ids, found, wrong = frozenset(known), [], []
    for number, entry in enumerate(said, 1):
        named = f"waiver {number} ({entry.get('ticket') or 'without a ticket'})"
        if missing := [key for key in KEYS if not entry.get(key)]:
            wrong.append(f"{named} does not say its {', '.join(missing)}")
        elif unknown := sorted(set(entry) - set(KEYS)):
            wrong.append(f"{named} says what no waiver has: {', '.join(unknown)}")
        elif entry["rule"] not in ids:
            wrong.append(f"{named} is for `{entry['rule']}`, and there is no such rule")
        elif all(set(part) & set("*?[") for part in str(entry["resource"]).split("/")):
            wrong.append(f"{named} names no part of a resource: that would take the rule away")
        else:
            try:
                day = date.fromisoformat(str(entry["expires"])[:10])
            except ValueError:
                wrong.append(f"{named} ends on `{entry['expires']}`, which is no day")
            else:
                texts = {key: str(entry[key]) for key in KEYS if key != "expires"}
                found.append(Waiver(**texts, expires=day))
    return found, wrong


def apply(
    findings: Iterable[Finding], waivers: Sequence[Waiver], today: date
) -> tuple[list[Finding], list[str]]:
    """Mark the failures that are borne; return all findings, and what is wrong with waivers.

    A waiver that is over bears nothing. One that bears nothing is told, so that it goes.
    """
    marked, used = [], set()
    for finding in findings:
        bearer = None
        if finding.outcome is Outcome.FAIL:
            bearer = next((w for w in waivers if w.expires >= today and w.bears(finding)), None)
        if bearer:
            used.add(bearer)
        marked.append(replace(finding, waived=bearer.ticket) if bearer else finding)
    wrong = [
        f"the waiver {w.ticket} of {w.owner} for {w.rule} was over on {w.expires}"
        for w in waivers
        if w.expires < today
    ]
    return marked, wrong
