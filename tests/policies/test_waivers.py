from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from policies.audit import Finding
from policies.catalog import Gate
from policies.verdict import Outcome
from policies.waivers import apply, read

TODAY = date(2026, 11, 22)
SAID: dict[str, Any] = {
    "rule": "CNAI-SUP-001",
    "resource": "mlflow/*",
    "owner": "ada",
    "reason": "the publisher has no tags",
    "ticket": "PLAT-7",
    "expires": "2026-12-31",
}


def failure(resource: str = "mlflow/server", rule: str = "CNAI-SUP-001") -> Finding:
    return Finding(
        rule=rule, gate=Gate.PACK, resource=resource, outcome=Outcome.FAIL, messages=("m",)
    )


def test_a_waiver_bears_what_it_names_and_nothing_else() -> None:
    borne, wrong = read([SAID], ["CNAI-SUP-001"])
    assert wrong == []
    asked = [failure(), failure("feast/server"), failure(rule="CNAI-GPU-001")]
    marked, _ = apply(asked, borne, TODAY)
    assert [finding.waived for finding in marked] == ["PLAT-7", None, None]
    assert [finding.open for finding in marked] == [False, True, True]


def test_a_waiver_that_is_over_bears_nothing_and_is_told() -> None:
    borne, _ = read([{**SAID, "expires": date(2026, 11, 21)}], ["CNAI-SUP-001"])
    marked, wrong = apply([failure()], borne, TODAY)
    assert marked[0].open
    assert wrong == ["the waiver PLAT-7 of ada for CNAI-SUP-001 was over on 2026-11-21"]


def test_the_last_day_still_counts() -> None:
    borne, _ = read([{**SAID, "expires": "2026-11-22"}], ["CNAI-SUP-001"])
    assert not apply([failure()], borne, TODAY)[0][0].open


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"owner": ""}, "does not say its owner"),
        ({"ticket": None, "reason": ""}, "does not say its reason, ticket"),
        ({"rule": "CNAI-XXX-999"}, "there is no such rule"),
        ({"resource": "*"}, "would take the rule away"),
        ({"resource": "*/[!x]*"}, "would take the rule away"),
        ({"expires": "soon"}, "which is no day"),
        ({"team": "vision"}, "says what no waiver has: team"),
    ],
)
def test_a_waiver_that_is_not_whole_is_none(changed: dict[str, Any], says: str) -> None:
    borne, wrong = read([{**SAID, **changed}], ["CNAI-SUP-001"])
    assert borne == []
    assert says in wrong[0]
