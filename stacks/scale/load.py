"""Sends the jobs of a plan to an API server at a bounded rate, and watches what becomes of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from components.api_server import CONNECTIONS, PASSING, ApiServer
from components.grants import API, PLATFORM
from stacks.scale.findings import Sample, sample
from stacks.scale.ledger import Ledger, Queue, queue, whole
from stacks.scale.plan import JobPlan, manifest

RATE = 20.0
"""Jobs a second that are sent at the most."""
TRIES = 30
CONFLICT = 409
PATIENCE = 60.0
"""Seconds that one answer may take on a machine that is busy with the load."""


def send(kubeconfig: str, planned: Sequence[JobPlan], rate: float = RATE) -> float:
    """Create the jobs in order, no faster than so many a second; return the seconds it took."""
    server, began = ApiServer(kubeconfig, limit=PATIENCE), time.monotonic()
    server.serves("batch/v1", "Job")

    def create(number: int) -> None:
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        for attempt in range(TRIES):
            try:
                server.create(manifest(planned[number]))
            except PASSING as error:
                # An answer that was lost: the job is there.
                if getattr(error, "status", None) == CONFLICT:
                    return
                if attempt == TRIES - 1:
                    raise
                time.sleep(1)
            else:
                return

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(create, range(len(planned))))
    return time.monotonic() - began


@dataclass
class Changes:
    """Every change of every Workload, in the order of the store, a second's worth at a time."""

    server: ApiServer
    path: str = f"/apis/{API}/workloads"
    version: str = ""

    def next(self) -> list[dict[str, Any]]:
        """Return the events of the next second; all that there are when called first.

        Raises one of PASSING; what happened until then comes with the next call.
        """
        if not self.version:
            found = self.server.get(self.path)
            self.version = found["metadata"]["resourceVersion"]
            return [{"type": "ADDED", "object": item} for item in found["items"]]
        query = f"watch=1&timeoutSeconds=1&resourceVersion={self.version}"
        lines = self.server.text(f"{self.path}?{query}").splitlines()
        events = [json.loads(line) for line in lines]
        if any(event["type"] == "ERROR" for event in events):
            # The store forgot what came after: what is there now is read anew.
            self.version = ""
            return []
        for event in events:
            self.version = event["object"]["metadata"]["resourceVersion"]
        return events


def queues_of(server: ApiServer) -> dict[str, Queue]:
    """Return the queues of the platform's cohort, by name."""
    found = server.get(f"/apis/{API}/clusterqueues")["items"]
    return {
        item["metadata"]["name"]: queue(item)
        for item in found
        if item["spec"].get("cohortName") == PLATFORM
    }


class Watcher(threading.Thread):
    """Takes a sample each second, or as often as the API server answers, until it is told to end.

    ``gaps`` counts questions that were not answered; ``samples`` and ``ledger`` are what was seen.
    """

    def __init__(self, kubeconfig: str) -> None:
        """Look once, so that what was there before the load is known."""
        super().__init__(daemon=True)
        self._server = ApiServer(kubeconfig, limit=PATIENCE)
        self._changes = Changes(self._server)
        self.queues: Mapping[str, Queue] = queues_of(self._server)
        self.began = time.monotonic()
        self.ledger, self.samples, self.gaps = Ledger(), list[Sample](), 0
        self._changes.next()
        self._over = threading.Event()

    @property
    def elapsed(self) -> float:
        """Seconds since the watch began."""
        return time.monotonic() - self.began

    def run(self) -> None:
        """Look until told to end."""
        while not self._over.is_set():
            try:
                self._look()
            except PASSING:
                self.gaps += 1
                time.sleep(1)

    def _look(self) -> None:
        events = self._changes.next()
        cohort = whole(self.queues.values())
        for event in events:
            self.ledger.take(event, self.queues, cohort)
        self.queues = queues_of(self._server)
        self.samples.append(sample(self.elapsed, self.ledger, self.queues))

    def end(self) -> None:
        """Take the last sample and end."""
        self._over.set()
        self.join()
