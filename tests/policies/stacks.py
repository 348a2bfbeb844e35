"""The stacks of tests/policies/{bad,good}_stack: resources of programs, as data.

A file holds programs, each with the ``ground`` that it is judged by and its ``resources``: type,
name, inputs (``props``), and optionally ``protect`` and ``id``. A bad one says which rules find it
(``finds``), and what they are ``about`` where that is not the resource itself. What a program has
under ``good`` only is there to be named in its resources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.cli import bench_policies

HERE = Path(__file__).parent
ROOT = bench_policies.ROOT


@dataclass(frozen=True)
class Program:
    """The resources of one program."""

    name: str
    ground: Mapping[str, Any]
    resources: list[dict[str, Any]]

    @property
    def finds(self) -> set[tuple[str, str]]:
        """What is to be found: rule, and the name of what it is about."""
        return {
            (rule, thing.get("about", {}).get(rule, thing["name"]))
            for thing in self.resources
            for rule in thing.get("finds", ())
        }

    def state(self) -> dict[str, Any]:
        """The program as `pulumi stack export` writes its state."""
        return bench_policies.state(self.resources)


def programs(stack: str) -> Iterator[Program]:
    """Yield the programs of a stack, ``bad`` or ``good``."""
    for path in sorted((HERE / f"{stack}_stack").glob("*.yaml")):
        for index, said in enumerate(bench_policies.programs(path)):
            yield Program(f"{stack}-{path.stem}-{index}", said["ground"], said["resources"])
