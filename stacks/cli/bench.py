"""`cnai bench`: measure the budgets on this machine; write them as JSON and as a page.

The stack is taken down first and left down: what is measured is its whole life. Build times are
those that the supply recorded when it last built each thing. They are taken over only when asked
for, after a build with empty caches on a machine that did nothing else; those on the page stay.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubernetes import client
from kubernetes.utils.quantity import parse_quantity

from components.clusters.kind import kubeconfig_file
from components.probe_runner import api, get
from stacks import stack_files
from stacks.cli import bench_policies, say
from stacks.cli.down import down
from stacks.cli.session import open_stack
from stacks.cli.up import failed, up
from tools import host, supply
from tools.errors import ProblemError
from tools.paths import REPO, cache

PAGE = REPO / "docs" / "reference" / "benchmarks.md"
RULES = f"rules over {bench_policies.NUMBER:,} resources"
"""Without the start of the engine and of the pack."""
BUDGETS = {
    "make up, tools and images cached": 240,
    "second up, no changes": 30,
    "preview from nothing": 8,
    "down": 20,
    RULES: 5,
}
"""Seconds on 2 cores and 24 GiB."""


def bench(stack: str, *, builds: bool = False) -> int:
    """Measure a stack's life and write what was found, with ``builds`` the cold builds as well."""
    down(stack)
    seconds = {"preview from nothing": _timed(lambda: _preview(stack))}
    seconds["make up, tools and images cached"] = _timed(lambda: up(stack))
    seconds["second up, no changes"] = _timed(lambda: up(stack))
    time.sleep(60)  # what starts up settles: the footprint is that of an idle platform
    footprint = measure(kubeconfig_file(stack).read_text())
    seconds["down"] = _timed(lambda: down(stack))
    seconds[RULES] = bench_policies.took()
    recorded = PAGE.with_suffix(".json")
    known = json.loads(recorded.read_text()).get("built", {}) if recorded.exists() else {}
    found = {
        "schema": "cnai.dev/benchmarks/v1",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": host.summary(host.read()),
        "seconds": {name: round(took, 1) for name, took in seconds.items()},
        "footprint": footprint,
        "built": json.loads((cache() / "timings.json").read_text()) if builds else known,
    }
    recorded.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    PAGE.write_text(page(found))
    say.done("bench", f"written to {PAGE.relative_to(REPO)}")
    return 0


def _timed(run: Callable[[], Any]) -> float:
    began = time.monotonic()
    run()
    return time.monotonic() - began


def _preview(stack: str) -> None:
    settings = stack_files.settings(stack)
    pulumi = open_stack(stack, supply.resolve(settings.supply))
    code, progress = pulumi.run("preview", say=lambda _: None)
    if code:
        raise ProblemError(failed("preview", progress, code, pulumi))


def measure(kubeconfig: str) -> dict[str, dict[str, float]]:
    """Return, by namespace, cores and MiB requested, and MiB resident as the kubelets tell."""
    with api(kubeconfig) as connection:
        core = client.CoreV1Api(connection)
        pods = core.list_pod_for_all_namespaces(field_selector="status.phase=Running").items
        nodes = [n.metadata.name for n in core.list_node(label_selector="type!=kwok").items]
        told = [
            json.loads(get(connection, f"/api/v1/nodes/{node}/proxy/stats/summary"))
            for node in nodes
        ]
    return footprint([pod.to_dict() for pod in pods], told)


def footprint(
    pods: Iterable[Mapping[str, Any]], summaries: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Add up requests of pods and the working sets in kubelet summaries, by namespace. Pure."""
    found: dict[str, dict[str, float]] = {}

    def of(namespace: str) -> dict[str, float]:
        return found.setdefault(namespace, {"cores": 0.0, "requested_mib": 0.0, "used_mib": 0.0})

    for pod in pods:
        for container in pod["spec"]["containers"]:
            asked = (container.get("resources") or {}).get("requests") or {}
            row = of(pod["metadata"]["namespace"])
            row["cores"] += float(parse_quantity(asked.get("cpu", "0")))
            row["requested_mib"] += float(parse_quantity(asked.get("memory", "0"))) / 2**20
    for summary in summaries:
        for pod in summary["pods"]:
            used = (pod.get("memory") or {}).get("workingSetBytes", 0)
            of(pod["podRef"]["namespace"])["used_mib"] += used / 2**20
    return {
        name: {key: round(value, 3) for key, value in row.items()}
        for name, row in sorted(found.items())
    }


def page(found: Mapping[str, Any]) -> str:
    """Return the page of the documentation for a set of figures. Pure."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {found['date']}: {found['machine']}.",
        "",
        "| Work | Budget (s) | Measured (s) |",
        "|---|---|---|",
        *[f"| {name} | {BUDGETS[name]} | {took} |" for name, took in found["seconds"].items()],
        "",
        "## Footprint of the idle platform",
        "",
        "| Namespace | Cores requested | MiB requested | MiB used |",
        "|---|---|---|---|",
    ]
    total = {"cores": 0.0, "requested_mib": 0.0, "used_mib": 0.0}
    for name, row in found["footprint"].items():
        lines.append(_row(name, row))
        total = {key: total[key] + row[key] for key in total}
    lines += [_row("all", total), "", "## Cold builds from source", ""]
    lines += ["| Target | Seconds |", "|---|---|"]
    lines += [
        f"| {name} | {took:.0f} |"
        for name, took in sorted(found["built"].items(), key=lambda item: -item[1])
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, row: Mapping[str, float]) -> str:
    return f"| {name} | {row['cores']:.2f} | {row['requested_mib']:.0f} | {row['used_mib']:.0f} |"
