"""What a team leaves in servers that it shares with others, and the Job that takes it away.

The resource stands before all else of the team in the order of making, so after it in the order of
taking away: the Job runs when no pod of the team can write any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi import Input, ResourceOptions, dynamic

from tools.errors import Problem, ProblemError

Manifest = dict[str, Any]
GONE = 404
TIMEOUT = 600
"""Seconds that a Job may take."""


def run(kubeconfig: str, job: Manifest) -> None:
    """Run a Job to its end; there is nothing to do where its namespace or its cluster is no more.

    A cluster that does not answer may come back with all it had, so it is no reason to pass. Raises
    ProblemError (CNAI-TEAM-011) when what is to be taken away may still be there.
    """
    from components import probe_runner  # noqa: PLC0415  imports take a second
    from components.api_server import PASSING, ApiServer  # noqa: PLC0415
    from components.probes import completes  # noqa: PLC0415

    metadata = job["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}"
    try:
        if gone(ApiServer(kubeconfig), metadata["namespace"]):
            return
        probe = completes(f"Job {name} has taken away what the team left", job, timeout=TIMEOUT)
        probe_runner.await_all(kubeconfig, [probe.data()])
    except PASSING as error:
        raise ProblemError(_left(name, str(error))) from None
    except ProblemError as error:
        raise ProblemError(_left(name, error.problems[0].why)) from None


def gone(server: Any, namespace: str) -> bool:
    """Say whether a namespace is no more, or going, or another cluster is at this address."""
    import urllib3  # noqa: PLC0415

    from components.api_server import RefusedError  # noqa: PLC0415

    try:
        found: Mapping[str, Any] = server.get(f"/api/v1/namespaces/{namespace}")
    except RefusedError as error:
        if error.status == GONE:
            return True
        raise
    except urllib3.exceptions.SSLError as error:
        # Each cluster has an authority of its own.
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        raise
    return bool(found.get("status", {}).get("phase") == "Terminating")


def _left(name: str, why: str) -> Problem:
    return Problem(
        "CNAI-TEAM-011",
        f"Job `{name}` has not taken away what the team left",
        why,
        "bring the base up if it is down, look at the pods of that namespace, and run it again",
        exit_code=9,
    )


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(json.loads(props["job"])["metadata"]["name"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        # Never replaced: that would take away what the team has while it works.
        changed = [name for name in ("job", "generation") if olds.get(name) != news.get(name)]
        return dynamic.DiffResult(changes=bool(changed))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult(news)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        run(props["kubeconfig"], json.loads(props["job"]))


class Removal(dynamic.Resource, module="cnai", name="Removal"):
    """A Job that runs when the resource goes, and has ended well when it is gone."""

    def __init__(
        self,
        name: str,
        *,
        job: Manifest,
        kubeconfig: Input[str],
        generation: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Remember the Job: plain values, which no output of the stack is among."""
        props: dict[str, Input[Any]] = {
            "job": json.dumps(job, sort_keys=True),
            "kubeconfig": kubeconfig,
            "generation": generation,
        }
        super().__init__(_Provider(), name, props, opts)
