"""The page of who may do what, made from the tables that the tests run through.

``python -m tests.live.tenants.page`` writes docs/reference/isolation.md.
"""

from __future__ import annotations

from tests.live.tenants.data import DATA
from tests.live.tenants.isolation import MEMBER, POD_OF_A
from tools.paths import REPO

PAGE = REPO / "docs" / "reference" / "isolation.md"
HEAD = """\
# Who may do what

Two teams, A and B, on one cluster. Each row is a request that the tests really make
(`tests/live/tenants/`): with the kubeconfig of a member of A, or from inside a pod of A. What these
walls are worth, and what they are not: [teams](../concepts/teams.md).

This page is made from the tests by `make docs`.
"""
WORDS = {"yes": "yes", "no": "**no**"}


def page() -> str:
    """Return the page: a table for each way to ask."""
    asked = [f"| {ask.what} | {WORDS[ask.may]} |" for ask in MEMBER]
    reached = [f"| {reach.what}, port {reach.port} | {WORDS[reach.may]} |" for reach in POD_OF_A]
    data = [f"| {kept.what} | yes | **no** |" for kept in DATA]
    return "\n".join(
        [
            HEAD,
            "## A member of A asks the API server\n",
            *("| Asked | May |", "|---|---|", *asked, ""),
            "## A pod of A opens a connection\n",
            *("| To | May |", "|---|---|", *reached, ""),
            "## A pod of A asks the shared servers with all that A has\n",
            *("| Asked | of A | of B |", "|---|---|---|", *data, ""),
        ]
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
