"""The page of all rules, made from the catalogue.

``python -m stacks.policy_page`` writes docs/reference/policies.md.
"""

from __future__ import annotations

from itertools import groupby

from policies.catalog import Gate, Rule, rules
from tools.paths import REPO

PAGE = REPO / "docs" / "reference" / "policies.md"
HEAD = """\
# Rules

What `cnai up` refuses, what the API server refuses, and what `cnai check` reports, each once. Each
is held at the gates that are marked: the settings before anything else, the resources of the
program in every `preview` and `up` (pack), the recorded state, whatever is written to the API
server (admission), and what is there now (live). Rules that are advice stop nothing. Who has to
break one [says so](../how-to/compliance.md#bear-a-failure).

This page is made from the code by `make docs`.
"""


def page() -> str:
    """Return the page: a table of all rules, then each with its reasons."""
    listed = rules()
    table = ["| Rule | | " + " | ".join(gate.value for gate in Gate) + " |"]
    table.append("|---|---|" + ":-:|" * len(Gate))
    table += [_row(rule) for rule in listed]
    parts = [HEAD, "\n".join(table), ""]
    for subject, found in groupby(listed, key=lambda rule: rule.id.split("-")[1]):
        parts += [f"## {subject}", ""]
        for rule in found:
            parts += _about(rule)
    return "\n".join(parts).rstrip() + "\n"


def _row(rule: Rule) -> str:
    advice = "" if rule.mandatory else " (advice)"
    marks = "".join(f" {'●' if gate in rule.gates else ''} |" for gate in Gate)
    return f"| [{rule.id}](#{rule.id.lower()}) | {_plain(rule.title)}{advice} |{marks}"


def _about(rule: Rule) -> list[str]:
    level = rule.severity.value if rule.mandatory else f"{rule.severity.value}, advice"
    served = "; ".join(f"{f.name} {f.version}, {f.reference}" for f in rule.frameworks)
    return [
        f"### {rule.id}",
        "",
        f"{_plain(rule.title)} ({level}; {rule.scope.value}).",
        "",
        f"- Why: {_plain(rule.rationale)}",
        f"- Mend: {_plain(rule.remedy)}",
        f"- For: {_plain(served)}",
        "",
    ]


def _plain(text: str) -> str:
    """Return a text in which nothing is taken for a mark of the page."""
    return text.replace("*", "\\*").replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page())
