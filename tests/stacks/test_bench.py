from __future__ import annotations

from stacks.cli.bench import footprint, page


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
