"""Runs a Job once and takes its log as the text that it is for: lines of JSON, and their count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from components.api_server import PASSING, ApiServer, RefusedError
from components.looks import CONFLICT, Outcome, short
from components.probe_runner import MISSING, remove, until

Manifest = dict[str, Any]
START = 180.0
"""Seconds within which the pod of a Job has begun to run."""
TIMEOUT = 1800
"""Seconds that a Job may take."""
SAID = 300
"""Characters of what a Job says of its failure that are told on."""


@dataclass(frozen=True)
class Told:
    """The lines that a Job printed; ``why`` says what is wrong with them, if anything is."""

    lines: tuple[str, ...] = ()
    why: str = ""


def once(job: Mapping[str, Any]) -> Manifest:
    """Return a Job that is tried once: a second try would begin the text again. Pure."""
    made = deepcopy(dict(job))
    made["spec"] |= {"backoffLimit": 0, "activeDeadlineSeconds": TIMEOUT}
    made["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    return made


def told(log: str) -> Told:
    """Return the lines of a log; the last says how many there are before it. Pure.

    What is no JSON object came by the other stream, which warnings and errors go to.
    """
    lines: list[str] = []
    other: list[str] = []
    count: int | None = None
    for line in log.split("\n"):
        found = _object(line)
        if found is None:
            other.append(line)
        elif set(found) == {"count"}:
            count = int(found["count"])
        else:
            lines.append(line)
    if count == len(lines):
        return Told(tuple(lines))
    said = " ".join(" ".join(other).split())[-SAID:]
    had = f"{len(lines)} lines came" + ("" if count is None else f" of {count}")
    return Told(tuple(lines), f"{had}: {said}" if said else f"{had}, and no reason")


def _object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def take(kubeconfig: str, job: Mapping[str, Any]) -> Told:
    """Run a Job and return what it printed; without its namespace there is nothing to print."""
    # A log is followed to its end: of a long one the kubelet keeps the last part alone.
    server, patient = ApiServer(kubeconfig), ApiServer(kubeconfig, limit=TIMEOUT)
    made = once(job)
    namespace = made["metadata"]["namespace"]

    def created() -> Outcome:
        try:
            uid = server.create(made)["metadata"]["uid"]
        except RefusedError as error:
            if error.status == MISSING:
                raise
            if error.status == CONFLICT:  # a run that was killed left it
                remove(server, made)
            return Outcome(False, short(error))
        return Outcome(True, uid)

    try:
        if not (job_is := until(created, START)).held:
            return Told((), job_is.evidence)
        # By its own number: the pod of an earlier Job of the name may still be there.
        if not (pod := until(lambda: _begun(server, namespace, job_is.evidence), START)).held:
            return Told((), pod.evidence)
        path = f"/api/v1/namespaces/{namespace}/pods/{pod.evidence}/log?follow=true"
        return told(patient.text(path))
    except RefusedError as error:
        return Told() if _no_namespace(server, namespace) else Told((), short(error))
    except PASSING as error:
        return Told((), short(error))
    finally:
        remove(server, made)


def _begun(server: ApiServer, namespace: str, uid: str) -> Outcome:
    """Say whether the pod of a Job runs or has run; the evidence is its name, or why not."""
    query = urlencode({"labelSelector": f"batch.kubernetes.io/controller-uid={uid}"})
    pods = server.get(f"/api/v1/namespaces/{namespace}/pods?{query}").get("items") or []
    for pod in pods:
        if pod["status"].get("phase") in {"Running", "Succeeded", "Failed"}:
            return Outcome(True, pod["metadata"]["name"])
    reasons = [
        f"{state.get('reason')} {state.get('message') or ''}".strip()
        for pod in pods
        for container in pod["status"].get("containerStatuses") or []
        if (state := container["state"].get("waiting"))
    ]
    return Outcome(False, "; ".join(reasons) or f"no pod has started in {namespace}")


def _no_namespace(server: ApiServer, namespace: str) -> bool:
    try:
        server.get(f"/api/v1/namespaces/{namespace}")
    except RefusedError as error:
        return error.status == MISSING
    return False
