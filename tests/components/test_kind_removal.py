"""Kinds go, even where objects of them wait for a controller that went before."""

from __future__ import annotations

from typing import Any

import pytest

from components import kind_applier
from components.api_server import RefusedError
from tools.errors import ProblemError

NAME = "jobs.x.dev"
SPEC = {
    "group": "x.dev",
    "names": {"plural": "jobs"},
    "versions": [{"name": "v1", "storage": False}, {"name": "v2", "storage": True}],
}


class Server:
    """A kind with one object, which has a finalizer until somebody takes it off."""

    patched: list[str]

    def __init__(self, *, stuck: bool) -> None:
        self.patched, self.held, self.stuck = [], True, stuck

    def delete(self, manifest: dict[str, Any]) -> None:
        if not self.held:
            raise RefusedError(404, "NotFound", manifest["metadata"]["name"])

    def find(self, *_: str) -> dict[str, Any]:
        return {"spec": SPEC}

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/apis/x.dev/v2/jobs"
        other = {"metadata": {"name": "free", "namespace": "team"}}
        held = {"metadata": {"name": "j", "namespace": "team", "finalizers": ["x.dev/wait"]}}
        return {"items": [other, held]}

    def patch(self, path: str, change: dict[str, Any]) -> None:
        assert change == {"metadata": {"finalizers": None}}
        self.patched.append(path)
        self.held = self.stuck


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_applier, "PATIENCE", -1.0)
    monkeypatch.setattr(kind_applier, "LONGEST", 0.0)
    monkeypatch.setattr("components.kind_applier.time.sleep", lambda _: None)


@pytest.mark.usefixtures("quick")
def test_an_object_that_waits_for_nobody_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(stuck=False)
    monkeypatch.setattr(kind_applier, "ApiServer", lambda _: server)
    monkeypatch.setattr(kind_applier, "LONGEST", 60.0)
    kind_applier.remove("", [NAME])
    assert server.patched == ["/apis/x.dev/v2/namespaces/team/jobs/j"]


@pytest.mark.usefixtures("quick")
def test_what_stays_all_the_same_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_applier, "ApiServer", lambda _: Server(stuck=True))
    with pytest.raises(ProblemError, match="CNAI-ADDON-006"):
        kind_applier.remove("", [NAME])
