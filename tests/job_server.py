"""An API server that knows namespaces and Jobs, each of which ends at once, with a log."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml


@dataclass
class JobServer:
    """``namespaces`` maps names to phases, ``logs`` Jobs to what they print, None for a failure."""

    namespaces: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str | None] = field(default_factory=dict)
    there: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """The Jobs, by namespace and name: two namespaces may each have one of a name."""
    made: list[dict[str, Any]] = field(default_factory=list)
    kubeconfig: str = ""

    def create(self, namespace: str, job: dict[str, Any]) -> tuple[int, Any]:
        name = job["metadata"]["name"]
        if namespace not in self.namespaces:
            return 404, {"reason": "NotFound", "message": f'namespaces "{namespace}" not found'}
        if (namespace, name) in self.there:
            return 409, {"reason": "AlreadyExists", "message": "is there"}
        self.there[namespace, name] = job
        self.made.append(job)
        return 201, {**job, "metadata": {**job["metadata"], "uid": f"{name}-uid"}}

    def find(self, path: list[str], query: dict[str, list[str]]) -> tuple[int, Any]:
        match path:
            case ["api"]:
                return 200, {}
            case ["apis"]:
                return 200, DISCOVERED
            case ["readyz"]:
                return 200, {}
            case ["api", "v1", "namespaces", name] if name in self.namespaces:
                return 200, {"status": {"phase": self.namespaces[name]}}
            case ["api", "v1", "namespaces", namespace, "pods"]:
                own = query["labelSelector"][0].removeprefix("batch.kubernetes.io/controller-uid=")
                job = own.removesuffix("-uid")
                pod = {"metadata": {"name": f"{job}-pod"}, "status": {"phase": "Running"}}
                return 200, {"items": [pod] if (namespace, job) in self.there else []}
            case ["api", "v1", "namespaces", _, "pods", pod, "log"]:
                assert query == {"follow": ["true"]}
                return 200, self.logs.get(pod.removesuffix("-pod")) or ""
            case ["apis", "batch", "v1", "namespaces", namespace, "jobs", name] if (
                namespace,
                name,
            ) in self.there:
                type_ = "Failed" if self.logs.get(name, "") is None else "Complete"
                condition = {"type": type_, "status": "True", "message": "BackoffLimitExceeded"}
                return 200, {"status": {"conditions": [condition]}}
        return 404, {"reason": "NotFound", "message": "no such"}


JOBS = {
    "resource": "jobs",
    "scope": "Namespaced",
    "responseKind": {"kind": "Job"},
}
DISCOVERED = {
    "items": [{"metadata": {"name": "batch"}, "versions": [{"version": "v1", "resources": [JOBS]}]}]
}


@contextmanager
def job_server(**known: Any) -> Iterator[JobServer]:
    """Serve on a port of this machine; ``kubeconfig`` of what is yielded leads there."""
    state = JobServer(**known)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            self._answer(*state.find(asked.path.strip("/").split("/"), parse_qs(asked.query)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*state.create(self.path.split("/")[5], body))

        def do_DELETE(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            namespace, _, name = self.path.split("/")[5:]
            gone = state.there.pop((namespace, name), None)
            self._answer(200 if gone else 404, {"reason": "NotFound", "message": "no such"})

        def _answer(self, status: int, body: Any) -> None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.kubeconfig = kubeconfig(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield state
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
