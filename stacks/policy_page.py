"""The pages of all rules and of what they are for, made from the catalogue.

``python -m stacks.policy_page`` writes docs/reference/policies.md and docs/reference/controls.md.
"""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter

from policies.catalog import Framework, Gate, Rule, rules
from policies.signatures import KIND
from tools.paths import REPO

REFERENCE = REPO / "docs" / "reference"
PAGE, CONTROLS = REFERENCE / "policies.md", REFERENCE / "controls.md"
HEAD = """\
# Rules

What `cnai up` refuses, what the API server refuses, and what `cnai check` reports, each once. Each
is held at the gates that are marked: the settings before anything else, the resources of the
program in every `preview` and `up` (pack), the recorded state, whatever is written to the API
server (admission), and what is there now (live). Rules that are advice stop nothing. Who has to
break one [says so](../how-to/compliance.md#bear-a-failure).

This page is made from the code by `make docs`.
"""

TRACED = """\
# Controls

Which rule is there for which control, at which gates it is held, and what shows that it holds:
examples that a rule has to pass, to fail and to leave undecided (`tests/policies/cases`, held also
against a whole stack in `tests/policies/bad_stack` and `good_stack`), and requests that an API
server has to let through and to refuse (`tests/policies/admission`; of what has to be signed,
`tests/live/test_signatures.py`). `cnai check` says what a stack does about each.

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


def controls() -> str:
    """Return the page that leads from what frameworks ask for to rules, gates and tests."""
    asked = [((f.name, f.version), f, rule) for rule in rules() for f in rule.frameworks]
    parts = [TRACED]
    for (name, version), found in groupby(sorted(asked, key=_place), key=itemgetter(0)):
        parts += [
            f"## {name} {version}",
            "",
            "| Control | Rule | Gates | Tests |",
            "|---|---|---|---|",
        ]
        parts += [_trace(framework, rule) for _, framework, rule in found]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _place(asked: tuple[tuple[str, str], Framework, Rule]) -> tuple[object, ...]:
    whole, framework, rule = asked
    # 5.1.12 comes after 5.1.2.
    numbers = tuple(int(n) for n in re.findall(r"\d+", framework.reference.split(" ")[0]))
    return (whole, numbers, framework.reference, rule.id)


def _trace(framework: Framework, rule: Rule) -> str:
    gates = ", ".join(gate.value for gate in Gate if gate in rule.gates)
    tests = ", ".join(name for name, held in _tests(rule).items() if held)
    link = f"[{rule.id}](policies.md#{rule.id.lower()})"
    return f"| {_plain(framework.reference)} | {link} {_plain(rule.title)} | {gates} | {tests} |"


def _tests(rule: Rule) -> dict[str, bool]:
    """Return which kinds of tests there are, and whether a rule has them."""
    asking = rule.twin is not None and KIND in rule.twin.read_text()
    return {
        "cases": bool(rule.check or rule.relation or rule.intent),
        "admission": rule.twin is not None and not asking,
        "signatures": asking,
    }


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
    CONTROLS.write_text(controls())
