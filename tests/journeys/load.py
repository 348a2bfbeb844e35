"""A load generator: callers that ask a server as fast as it answers, and what becomes of it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import urllib3
from kubernetes import client


@dataclass
class Load:
    """Ask a URL, by so many callers at once, for as long as the block runs.

    With a body it is a POST of JSON. ``answers`` counts by status; 0 stands for no answer at all.
    """

    url: str
    body: Mapping[str, Any] | None = None
    callers: int = 4
    answers: Counter[int] = field(default_factory=Counter)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=16))

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
        method = "GET" if self.body is None else "POST"
        body = None if self.body is None else json.dumps(self.body)
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._pool.request(
                method, self.url, body=body, headers=headers, timeout=30.0, retries=False
            )
        except (urllib3.exceptions.HTTPError, OSError):
            return 0
        return answer.status


def ready_replicas(connection: client.ApiClient, namespace: str, deployment: str) -> int:
    """How many replicas of a Deployment answer."""
    found = client.AppsV1Api(connection).read_namespaced_deployment_status(deployment, namespace)
    return int(found.status.ready_replicas or 0)
