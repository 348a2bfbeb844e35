"""A kind cluster as a resource: made, read, replaced and deleted by Pulumi.

The provider keeps to what it made: every node has the folder of its stack mounted, and a cluster of
the same name without that mount is somebody else's and is refused, never touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pulumi import Input, Output, ResourceOptions, dynamic

from components.clusters.local import WORKERS
from components.labels import POOL
from tools import control_plane, kind_config, node_image, supply
from tools.engine import Engine, ensure, find, stop_if_idle
from tools.errors import Problem, ProblemError
from tools.paths import home
from tools.supply import Mode

LABEL = "io.x-k8s.kind.cluster"
"""Docker label that kind puts on the nodes of a cluster."""
REPLACING = ("cluster", "workers", "ports", "mode", "kubernetes")
"""Inputs whose change makes a new cluster."""
START = 120.0
"""Seconds within which the API server of a started control plane answers."""
SETTLE = 10.0
"""Seconds within which a node that is listed can be asked about."""


def nodes(engine: Engine, cluster: str) -> list[dict[str, Any]]:
    """Return what the engine tells of the cluster's nodes, whatever state they are in."""
    end = time.monotonic() + SETTLE
    while True:
        listed = engine.run("ps", "--all", "--quiet", f"--filter=label={LABEL}={cluster}").split()
        try:
            told: list[dict[str, Any]] = (
                json.loads(engine.run("inspect", *listed)) if listed else []
            )
        except ProblemError:
            # The engine lists a node before it can be asked about it, and one may go in between.
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return sorted(told, key=lambda node: str(node["Name"]))


def ours(told: Mapping[str, Any], folder: Path) -> bool:
    """Say whether a node carries the mark of the stack whose folder this is."""
    return any(mount.get("Source") == str(folder) for mount in told.get("Mounts", []))


def complete(told: list[dict[str, Any]], workers: int) -> bool:
    """Say whether all nodes are there and run."""
    return len(told) == workers + 1 and all(node["State"]["Running"] for node in told)


def start_stopped(engine: Engine, cluster: str, workers: int) -> int:
    """Start the nodes of a cluster that lost none but of which some stopped, as after a reboot.

    Return how many were started, once the API server answers again. Raises ProblemError
    (CNAI-KIND-005) if it does not within two minutes.
    """
    told = nodes(engine, cluster)
    stopped = [str(node["Id"]) for node in told if not node["State"]["Running"]]
    if len(told) != workers + 1 or not stopped:
        return 0
    engine.run("start", *stopped)
    end = time.monotonic() + START
    ask = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "--raw=/readyz")
    while True:
        try:
            engine.run("exec", f"{cluster}-control-plane", *ask)
        except ProblemError as error:
            if time.monotonic() > end:
                raise ProblemError(_not_started(cluster, error.problems[0].why)) from None
            time.sleep(1)
        else:
            return len(stopped)


def folder(stack: str) -> Path:
    """Return the folder that marks a cluster as the one of this checkout's stack."""
    return home() / "nodes" / stack


def kubeconfig_file(stack: str) -> Path:
    """Return where the kubeconfig of a stack is written; nothing is merged anywhere."""
    return home() / f"{stack}.kubeconfig"


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        cluster, stack = props["cluster"], props["stack"]
        mark = folder(stack)
        control_plane.write(mark, kind_config.MARK)
        engine = ensure()
        there = nodes(engine, cluster)
        if there and not all(ours(node, mark) for node in there):
            raise ProblemError(_not_ours(cluster))
        if there:  # a run that was killed left it half-made
            remove(engine, cluster)
        image = node_image.build(engine, Mode(props["mode"]), tuple(props["images"]))
        described = kind_config.kind_config(
            cluster,
            workers=int(props["workers"]),
            ports={int(host): int(node) for host, node in props["ports"].items()},
            mount=mark,
            mode=Mode(props["mode"]),
            image=image,
            labels={POOL: WORKERS},
        )
        written = kubeconfig_file(stack)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(described, file)
            file.flush()
            _kind(
                engine,
                cluster,
                "create",
                f"--config={file.name}",
                f"--kubeconfig={written}",
                "--wait=120s",
            )
        written.chmod(0o600)
        outs = self._outs(props, nodes(engine, cluster), written.read_text())
        return dynamic.CreateResult(cluster, outs)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        engine = find()
        there = nodes(engine, id_) if engine else []
        if not there or not complete(there, int(props["workers"])):
            # Without all of its nodes it is not the cluster that was made: a new one is due.
            return dynamic.ReadResult("", {})
        written = kubeconfig_file(props["stack"])
        if not written.exists():
            written.write_text(props["kubeconfig"])
            written.chmod(0o600)
        return dynamic.ReadResult(id_, self._outs(props, there, props["kubeconfig"]))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        changed = [key for key in REPLACING if _plain(olds.get(key)) != _plain(news.get(key))]
        return dynamic.DiffResult(
            changes=bool(changed), replaces=changed, delete_before_replace=True
        )

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        mark = folder(props["stack"])
        engine = find()
        if engine:
            there = nodes(engine, _id)
            if there and not all(ours(node, mark) for node in there):
                raise ProblemError(_not_ours(_id))
            remove(engine, _id)
        kubeconfig_file(props["stack"]).unlink(missing_ok=True)
        shutil.rmtree(mark, ignore_errors=True)
        stop_if_idle()

    @staticmethod
    def _outs(props: dict[str, Any], there: list[dict[str, Any]], text: str) -> dict[str, Any]:
        return {
            **props,
            "kubeconfig": text,
            "containers": [str(node["Name"]).lstrip("/") for node in there],
            # Nodes get new names for their disks when they are made anew: what was loaded is gone.
            "generation": "-".join(str(node["Id"])[:12] for node in there),
        }


class KindCluster(dynamic.Resource, module="cnai", name="KindCluster"):
    """One control-plane node and ``workers`` workers.

    ``ports`` maps a port of 127.0.0.1 to the node port that it reaches. ``kubeconfig`` is secret;
    it is also written to ``.cnai/<stack>.kubeconfig``, readable by its owner alone.
    """

    kubeconfig: Output[str]
    containers: Output[list[str]]
    generation: Output[str]

    def __init__(
        self,
        name: str,
        *,
        cluster: str,
        stack: str,
        workers: int,
        ports: Mapping[int, int],
        mode: Mode,
        images: Sequence[str] = (),
        opts: ResourceOptions | None = None,
    ) -> None:
        """Describe the cluster.

        ``mode`` says where its node image comes from; ``images``, which a new cluster's nodes have
        from the start: what changes later is loaded into the nodes that are there.
        """
        props: dict[str, Input[Any]] = {
            "cluster": cluster,
            "stack": stack,
            "workers": workers,
            "ports": {str(host): node for host, node in ports.items()},
            "mode": mode.value,
            "images": list(images),
            "kubernetes": node_image.VERSION,
            "kubeconfig": None,
            "containers": None,
            "generation": None,
        }
        options = ResourceOptions(
            additional_secret_outputs=["kubeconfig"],
            delete_before_replace=True,
        )
        super().__init__(_Provider(), name, props, ResourceOptions.merge(opts, options))


def _plain(value: Any) -> Any:
    """Numbers come back from the engine as floats; ports and workers compare as text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return str(int(value)) if isinstance(value, float) else str(value)


def remove(engine: Engine, cluster: str) -> None:
    """Delete a cluster with its volumes and its network; one that is not there is no error."""
    _kind(engine, cluster, "delete")
    if engine.run("network", "ls", "--quiet", f"--filter=name=^{cluster}$").strip():
        engine.run("network", "rm", cluster)


def _kind(engine: Engine, cluster: str, verb: str, *args: str) -> None:
    """Run kind, each cluster on a network of its own, so that nothing of it stays behind."""
    kubeconfig = [] if verb == "create" else [f"--kubeconfig={Path(tempfile.gettempdir(), 'none')}"]
    done = subprocess.run(
        [str(supply.program("kind")), verb, "cluster", f"--name={cluster}", *args, *kubeconfig],
        env={**os.environ, **engine.env(), "KIND_EXPERIMENTAL_DOCKER_NETWORK": cluster},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        causes = [line for line in said if "ERROR" in line or "error" in line] or said[-3:]
        raise ProblemError(
            Problem(
                id="CNAI-KIND-002",
                what=f"kind could not {verb} the cluster `{cluster}`",
                why=" · ".join(causes)[:600] or f"exit code {done.returncode}",
                fix="run the same command again: what was half-made is made anew",
                exit_code=4,
            )
        )


def _not_started(cluster: str, seen: str) -> Problem:
    return Problem(
        id="CNAI-KIND-005",
        what=f"the nodes of cluster `{cluster}` were started but its API server does not answer",
        why=f"last seen: {seen}",
        fix=f"docker logs {cluster}-control-plane; or make it anew, without its data",
        exit_code=9,
    )


def _not_ours(cluster: str) -> Problem:
    return Problem(
        id="CNAI-KIND-001",
        what=f"there is already a kind cluster `{cluster}` that this stack did not make",
        why="its nodes do not carry the mark of this checkout, so it may hold somebody's work",
        fix=f"remove it yourself with `kind delete cluster --name {cluster}`, or use another stack",
        exit_code=4,
    )
