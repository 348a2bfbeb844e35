from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import yaml

from components.api_server import ApiServer, RefusedError, plurals
from components.looks import LOOKS, look
from components.probe_runner import look_all
from components.probes import accepted, answers, available, completes, condition


def resource(kind: str, plural: str, scope: str) -> dict[str, Any]:
    return {"resource": plural, "scope": scope, "responseKind": {"kind": kind}}


def discovered() -> dict[str, Any]:
    apps = {"version": "v1", "resources": [resource("Deployment", "deployments", "Namespaced")]}
    return {"items": [{"metadata": {"name": "apps"}, "versions": [apps]}]}


CORE = {"version": "v1", "resources": [resource("Node", "nodes", "Cluster")]}
DEPLOYED = {
    "metadata": {"generation": 2},
    "spec": {"replicas": 2},
    "status": {"observedGeneration": 2, "readyReplicas": 2},
}


class Handler(BaseHTTPRequestHandler):
    """What an API server answers to the paths of these tests; `asked` keeps what it was asked."""

    asked: ClassVar[list[tuple[str, str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers["Authorization"]))
        body: Any = {
            "/api": {"items": [{"metadata": {}, "versions": [CORE]}]},
            "/apis": discovered(),
            "/apis/apps/v1/namespaces/a/deployments/d": DEPLOYED,
            "/api/v1/nodes": {"items": [{"metadata": {"name": "n"}}]},
            "/api/v1/nodes/n": {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            "/api/v1/namespaces/a/services/s:80/proxy/health": "OK",
        }.get(self.path)
        self._answer(200 if body else 404, body or {"reason": "NotFound", "message": "no such"})

    def do_POST(self) -> None:
        self.asked.append((self.command, self.path, self.headers["Authorization"]))
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(409, {"reason": "AlreadyExists", "message": "is there"})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ApiServer]:
    Handler.asked = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield ApiServer(kubeconfig(f"http://127.0.0.1:{http.server_port}"))
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def kubeconfig(url: str) -> str:
    return yaml.safe_dump(
        {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": "told-to-nobody"}}],
        }
    )


def test_a_kind_is_found_by_what_the_server_says_it_is_called(server: ApiServer) -> None:
    assert server.find("apps/v1", "Deployment", "d", "a") == DEPLOYED
    assert [found["metadata"]["name"] for found in server.every("v1", "Node")] == ["n"]
    assert server.version_of("apps", "Deployment") == "apps/v1"
    assert server.version_of("apps", "Gateway") is None
    assert server.every("x/v1", "Gateway") == []
    assert [path for _, path, _ in Handler.asked].count("/apis") == 1
    assert {token for _, _, token in Handler.asked} == {"Bearer told-to-nobody"}


def test_what_is_refused_says_why(server: ApiServer) -> None:
    with pytest.raises(RefusedError, match="NotFound: no such") as refused:
        server.find("apps/v1", "Deployment", "other", "a")
    assert refused.value.status == 404
    with pytest.raises(RefusedError, match="not served"):
        server.find("x/v1", "Gateway", "g")


def test_each_probe_is_looked_at_once_and_nothing_is_made(server: ApiServer) -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment"}
    manifest = {**deployment, "metadata": {"name": "d", "namespace": "a"}}
    probes = [
        available("Deployment", "a", "d"),
        condition("v1", "Node", "n", "Ready"),
        accepted("webhooks answer", manifest),
        answers("a", "s", 80, "/health", contains="OK"),
        completes("a job completes", manifest),
        available("Deployment", "a", "other"),
    ]
    seen = look_all(server, [probe.data() for probe in probes])
    assert [outcome and outcome.held for outcome in seen] == [True, True, True, True, None, False]
    posted = [path for verb, path, _ in Handler.asked if verb == "POST"]
    assert posted == ["/apis/apps/v1/namespaces/a/deployments?dryRun=All"]


def test_a_server_that_is_not_there_is_an_outcome() -> None:
    nowhere = ApiServer(kubeconfig("http://127.0.0.1:1"), limit=1)
    seen = look(nowhere, available("Deployment", "a", "d").data())
    assert not seen.held
    assert "refused" in seen.evidence


def test_a_subresource_does_not_hide_the_kind_that_it_answers_with() -> None:
    both = [
        resource("Scale", "scales", "Namespaced"),
        resource("Scale", "other", "Cluster"),
    ]
    found = plurals({"items": [{"versions": [{"version": "v1", "resources": both}]}]})
    assert found == {("v1", "Scale"): ("scales", True)}


def test_every_kind_of_probe_that_makes_nothing_has_a_look() -> None:
    assert set(LOOKS) == {"available", "condition", "accepted", "refused", "answers"}
