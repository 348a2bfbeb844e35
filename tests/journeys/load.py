"""A load generator: callers that ask a Service as fast as it answers, and what becomes of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError


def proxied(namespace: str, service: str, port: int | str, path: str) -> str:
    """Path of a Service's own path at the API server, which the host reaches on its loopback."""
    return f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy{path}"


@dataclass
class Load:
    """Ask ``path`` of the API server, by so many callers at once, for as long as the block runs.

    With a body it is a POST of JSON. ``answers`` counts by status; 0 stands for no answer at all.
    """

    connection: client.ApiClient
    path: str
    body: Mapping[str, Any] | None = None
    callers: int = 4
    answers: Counter[int] = field(default_factory=Counter)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._call) for _ in range(self.callers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        while not self._ended.is_set():
            status = self._ask()
            self.answers[status] += 1
            if status != 200:
                self._ended.wait(0.5)

    def _ask(self) -> int:
        try:
            _, status, _ = self.connection.call_api(
                self.path,
                "GET" if self.body is None else "POST",
                header_params={"Content-Type": "application/json"},
                body=self.body,
                auth_settings=["BearerToken"],
                response_type="object",
                _request_timeout=30,
            )
        except ApiException as error:
            return int(error.status or 0)
        except (HTTPError, OSError):
            return 0
        return int(status)


def ready_replicas(connection: client.ApiClient, namespace: str, deployment: str) -> int:
    """How many replicas of a Deployment answer."""
    found = client.AppsV1Api(connection).read_namespaced_deployment_status(deployment, namespace)
    return int(found.status.ready_replicas or 0)
