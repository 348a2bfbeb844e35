from __future__ import annotations

from policies.audit import of_resources
from policies.catalog import Gate, rules
from policies.ground import Ground
from policies.sources import of_state
from stacks.cli import bench_policies
from stacks.cli.bench import BUDGETS, RULES, footprint, page


def test_requests_and_use_are_added_up_by_namespace() -> None:
    container = {"resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}
    pods = [{"metadata": {"namespace": "a"}, "spec": {"containers": [container, {}]}}] * 2
    used = {"podRef": {"namespace": "a"}, "memory": {"workingSetBytes": 2**20}}
    assert footprint(pods, [{"pods": [used]}, {"pods": [used]}]) == {
        "a": {"cores": 0.5, "requested_mib": 128.0, "used_mib": 2.0}
    }


def test_the_page_shows_budget_and_figure_side_by_side() -> None:
    written = page(
        {
            "date": "2026-01-01",
            "machine": "2 cores",
            "seconds": {"down": 12.5},
            "footprint": {"a": {"cores": 0.5, "requested_mib": 128.0, "used_mib": 2.0}},
            "built": {"program:kind": 8.2, "program:kueue": 300.0},
        }
    )
    assert "| down | 20 | 12.5 |" in written
    assert "| all | 0.50 | 128 | 2 |" in written
    assert written.index("program:kueue") < written.index("program:kind")


def test_what_the_rules_are_measured_on_is_looked_at_by_them() -> None:
    assert BUDGETS[RULES] == 5
    path = min(bench_policies.GOOD.glob("*.yaml"))
    things = [thing for said in bench_policies.programs(path) for thing in said["resources"]]
    state = bench_policies.state(bench_policies.repeated(things, 300))
    resources = of_state(state)
    assert len({(r.type, r.name) for r in resources}) == 301  # and the stack
    assert len(of_resources(Gate.STATE, rules(), resources, Ground(production=True))) > 300
