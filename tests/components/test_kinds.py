from __future__ import annotations

import json
from pathlib import Path

import pytest

from components import kind_applier
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


def test_keeping_twice_changes_nothing(cache: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.yaml"
    one.write_text(KIND)
    digest = keep([one])
    before = (cache / "kinds" / f"{digest}.yaml").stat().st_mtime_ns
    assert keep([one]) == digest
    assert (cache / "kinds" / f"{digest}.yaml").stat().st_mtime_ns == before


def test_objects_whose_controller_has_gone_lose_their_finalizers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def item(name: str, **metadata: object) -> dict[str, object]:
        return {"metadata": {"name": name, "namespace": "ns", **metadata}}

    listed = [
        item("stays", finalizers=["a.example/x"]),
        item("free", deletionTimestamp="t"),
        item("stuck", deletionTimestamp="t", finalizers=["a.example/x"]),
    ]
    asked: list[tuple[str, str]] = []

    class Connection:
        def call_api(self, path: str, method: str, **_: object) -> None:
            asked.append((method, path))

    monkeypatch.setattr(
        kind_applier.probe_runner, "get", lambda _, path: json.dumps({"items": listed, "at": path})
    )
    versions = [{"name": "v1", "served": False}, {"name": "v2", "served": True}]
    spec = {"group": "a.example", "versions": versions, "names": {"plural": "things"}}
    kind_applier._release(Connection(), {"spec": spec})
    assert asked == [("PATCH", "/apis/a.example/v2/namespaces/ns/things/stuck")]
