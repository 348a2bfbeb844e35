from __future__ import annotations

from pathlib import Path

import pytest

from components.kind_applier import definitions
from components.kinds import keep

KIND = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n"
OTHER = "apiVersion: v1\nkind: List\nitems: []\n"


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    return tmp_path


def test_kinds_lie_in_the_cache_under_the_hash_of_their_text(cache: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(KIND)
    two.write_text(OTHER)
    digest = keep([one, two])
    held = (cache / "kinds" / f"{digest}.yaml").read_text()
    assert [kind["metadata"]["name"] for kind in definitions(held)] == ["a"]
    assert keep([one]) != digest


def test_a_sign_that_yaml_keeps_for_itself_is_text() -> None:
    (kind,) = definitions(KIND + "spec: {enum: [=, a]}\n")
    assert kind["spec"]["enum"] == ["=", "a"]


def test_keeping_twice_changes_nothing(cache: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.yaml"
    one.write_text(KIND)
    digest = keep([one])
    before = (cache / "kinds" / f"{digest}.yaml").stat().st_mtime_ns
    assert keep([one]) == digest
    assert (cache / "kinds" / f"{digest}.yaml").stat().st_mtime_ns == before
