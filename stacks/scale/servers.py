"""What the platform's own servers take under the load, and whether all nodes are well."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from components.api_server import PASSING, ApiServer
from components.labels import DEVICE

EVERY = 15.0
"""Seconds between two looks: a list of a thousand nodes is some megabytes."""
SYSTEM = "kube-system"


def not_ready(nodes: Iterable[Mapping[str, Any]]) -> int:
    """Return how many nodes do not say that they are ready. Pure."""
    told = [n.get("status", {}).get("conditions") or [] for n in nodes]
    return sum(not any(c["type"] == "Ready" and c["status"] == "True" for c in of) for of in told)


def taken(summaries: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return MiB resident and seconds of a core so far, by server, of kubelets' summaries. Pure.

    Parts of the control plane go by their own names, all else by its namespace.
    """
    found: dict[str, tuple[float, float]] = {}
    for summary in summaries:
        for pod in summary["pods"]:
            namespace = pod["podRef"]["namespace"]
            for container in pod.get("containers") or []:
                name = container["name"] if namespace == SYSTEM else namespace
                memory = (container.get("memory") or {}).get("workingSetBytes", 0) / 2**20
                cores = (container.get("cpu") or {}).get("usageCoreNanoSeconds", 0) / 1e9
                was = found.get(name, (0.0, 0.0))
                found[name] = (was[0] + memory, was[1] + cores)
    return found


def footprint(looks: Iterable[tuple[float, Mapping[str, tuple[float, float]]]]) -> dict[str, Any]:
    """Return, by server, the most MiB at any look and the mean cores between first and last. Pure.

    A look is its time in seconds and what :func:`taken` says; a server that began again in between
    has its cores counted from its first look of that life on.
    """
    most: dict[str, float] = {}
    spent: dict[str, float] = {}
    last: dict[str, float] = {}
    times = []
    for at, look in looks:
        times.append(at)
        for name, (memory, cores) in look.items():
            most[name] = max(most.get(name, 0.0), memory)
            spent[name] = spent.get(name, 0.0) + max(0.0, cores - last.get(name, cores))
            last[name] = cores
    during = max(times[-1] - times[0], 1.0) if times else 1.0
    return {
        name: {"mib_most": round(most[name]), "cores_mean": round(spent[name] / during, 3)}
        for name in sorted(most)
    }


class Looks(threading.Thread):
    """Looks at servers and nodes until told to end; ``seen`` and ``unready`` are what it saw."""

    def __init__(self, kubeconfig: str, clock: Any) -> None:
        """Use a clock that gives seconds."""
        super().__init__(daemon=True)
        self._server, self._clock = ApiServer(kubeconfig, limit=60), clock
        self.seen: list[tuple[float, dict[str, tuple[float, float]]]] = []
        self.unready: list[int] = []
        self.nodes = self.simulated = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Look until told to end; what does not answer is looked at again."""
        while True:
            with suppress(*PASSING):
                self._look()
            if self._over.wait(EVERY):
                return

    def _look(self) -> None:
        nodes = self._server.get("/api/v1/nodes?resourceVersion=0")["items"]
        self.unready.append(not_ready(nodes))
        real = [n for n in nodes if n["metadata"]["labels"].get(DEVICE) != "simulated"]
        self.nodes, self.simulated = len(nodes), len(nodes) - len(real)
        told = [
            json.loads(
                self._server.text(f"/api/v1/nodes/{n['metadata']['name']}/proxy/stats/summary")
            )
            for n in real
        ]
        self.seen.append((self._clock(), taken(told)))

    def end(self) -> None:
        """End after the look that is under way."""
        self._over.set()
        self.join()
