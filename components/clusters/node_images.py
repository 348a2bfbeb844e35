"""Images that nodes cannot pull: loaded from their archives into every node of a kind cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pulumi import Input, ResourceOptions, dynamic

from tools import supply
from tools.engine import Engine, ensure, find
from tools.errors import Problem, ProblemError
from tools.supply import Mode

CTR = ("ctr", "--namespace=k8s.io", "images")


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        supply.ensure([f"image:{props['image']}"], Mode.SOURCE, show=False)
        image = supply.image(props["image"], Mode.SOURCE)
        if image.archive is None:
            raise ValueError(f"image {image.name} has no archive to load")
        engine, archive = ensure(), image.archive
        lacking = [n for n in hosts(props) if not has(engine, n, image.ref, image.digest)]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: load(engine, node, archive), lacking))
        return dynamic.CreateResult(image.ref, props)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        engine = find()
        there = engine is not None and all(has(engine, node, id_) for node in hosts(props))
        return dynamic.ReadResult(id_, props) if there else dynamic.ReadResult("", {})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        changed = [key for key in ("key", "generation") if olds.get(key) != news.get(key)]
        return dynamic.DiffResult(changes=bool(changed), replaces=changed)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave it: running pods may use it, and it goes with the node."""


def load(engine: Engine, node: str, archive: Path) -> None:
    """Import an archive into one node. Raises ProblemError (CNAI-KIND-003)."""
    command = [str(engine.docker), "exec", "--interactive", node, *CTR, "import", "-"]
    with archive.open("rb") as data:
        done = subprocess.run(
            command, stdin=data, env=engine.env(), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise ProblemError(
            Problem(
                id="CNAI-KIND-003",
                what=f"image archive {archive.name} could not be loaded into node {node}",
                why=(done.stderr or done.stdout).strip()[-300:],
                fix="run the same command again; if the disk is full, free some first",
                exit_code=4,
            )
        )


def hosts(props: Mapping[str, Any]) -> list[str]:
    """Return the nodes that run pods of ours; none of them is scheduled to a control plane."""
    return [name for name in props["containers"] if not name.endswith("-control-plane")]


def has(engine: Engine, node: str, ref: str, digest: str | None = None) -> bool:
    """Say whether a node that runs has an image of that name, and of that id if one is given."""
    template = ("--output=go-template", "--template={{.status.id}}")
    done = subprocess.run(
        [str(engine.docker), "exec", node, "crictl", "inspecti", *template, ref],
        env=engine.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0 and digest in {None, done.stdout.strip()}


class NodeImage(dynamic.Resource, module="cnai", name="NodeImage"):
    """One image in all nodes; loaded again when its content or the nodes change."""

    def __init__(
        self,
        name: str,
        *,
        key: str,
        containers: Input[list[str]],
        generation: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Load the image of that name in the catalogue of ``tools``; ``key`` tells its content."""
        props: dict[str, Input[Any]] = {
            "image": name,
            "key": key,
            "containers": containers,
            "generation": generation,
        }
        super().__init__(_Provider(), name, props, opts)
