"""A gate in the graph: what depends on it starts when the probes held."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pulumi import Input, ResourceOptions, dynamic

from components.probes import Probe


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(props["key"], {**props, **self._run(props)})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        # A new kubeconfig of the same cluster is no reason to probe again; other probes are, and
        # so is another cluster.
        changed = [name for name in ("key", "generation") if olds.get(name) != news.get(name)]
        return dynamic.DiffResult(changes=bool(changed))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult({**news, **self._run(news)})

    @staticmethod
    def _run(props: dict[str, Any]) -> dict[str, Any]:
        # The client of Kubernetes takes a second to import; only a gate that opens pays for it.
        from components import probe_runner  # noqa: PLC0415

        evidence = probe_runner.await_all(props["kubeconfig"], json.loads(props["probes"]))
        return {"evidence": json.dumps(evidence)}


class Ready(dynamic.Resource, module="cnai", name="Ready"):
    """Runs probes when it is made, and again when they or what they are about change.

    ``about`` is the plain data whose change asks for a new look, ``generation`` tells one cluster
    from the next of its name.
    """

    def __init__(
        self,
        name: str,
        *,
        kubeconfig: Input[str],
        generation: Input[str],
        probes: Sequence[Probe],
        about: str,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Gate on the probes, run in the order given."""
        told = json.dumps([probe.data() for probe in probes], sort_keys=True)
        key = hashlib.sha256(f"{told}{about}".encode()).hexdigest()[:16]
        props: dict[str, Input[Any]] = {
            "kubeconfig": kubeconfig,
            "generation": generation,
            "probes": told,
            "key": key,
            "evidence": None,
        }
        super().__init__(_Provider(), name, props, opts)
