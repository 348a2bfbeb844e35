"""What the distribution bears of its own parts is whole, and can be told to the engine."""

from __future__ import annotations

import json
from datetime import date

from stacks.compliance import pack_config, waivers
from stacks.settings import Settings


def test_every_waiver_of_ours_is_whole() -> None:
    borne, wrong = waivers(Settings())
    assert borne
    assert wrong == []


def test_the_engine_can_be_told() -> None:
    told = json.loads(json.dumps(pack_config(Settings(), date(2026, 11, 22))))
    assert all(said["today"] == "2026-11-22" for said in told.values())
