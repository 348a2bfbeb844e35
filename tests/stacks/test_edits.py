from __future__ import annotations

from datetime import date

import yaml

from stacks import edits, stack_files

BASE = """\
# The laptop.
config:
  cnai:profile: laptop # small
  cnai:queue:
    # What the owner gives.
    cpu: "1500m"
    memory: 4Gi
"""
FORK = """\
config:
  cnai:extends: kind
  cnai:queue: {cpu: "1"}
  cnai:team: {name: vision}
"""
OWN = {"queue": {"cpu": "1"}, "addons": {"keda": True}}


def test_a_base_takes_over_what_a_fork_says_and_keeps_its_comments() -> None:
    text = edits.promoted(BASE, OWN)
    assert stack_files.parsed(text) == {
        "profile": "laptop",
        "queue": {"cpu": "1", "memory": "4Gi"},
        "addons": {"keda": True},
    }
    for comment in ("# The laptop.", "# small", "# What the owner gives."):
        assert comment in text


def test_what_a_base_takes_over_is_said_once() -> None:
    assert edits.promoted(edits.promoted(BASE, OWN), OWN) == edits.promoted(BASE, OWN)
    assert stack_files.parsed(edits.without(FORK, {"queue": {}})) == {
        "extends": "kind",
        "team": {"name": "vision"},
    }


def test_who_a_fork_is_is_offered_to_nobody() -> None:
    said = stack_files.parsed(FORK)
    assert edits.offered({**said, "ports": {"mlflow": 1}}) == {"queue": {"cpu": "1"}}


def test_another_last_day_is_a_text_that_the_engine_leaves_alone() -> None:
    text = edits.extended(FORK, date(2027, 1, 31))
    assert yaml.safe_load(text)["config"]["cnai:team"] == {
        "name": "vision",
        "expires": "2027-01-31",
    }
