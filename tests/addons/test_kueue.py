from __future__ import annotations

import pytest

from addons.kueue import cluster_queue, configuration, flavor
from components.clusters.local import simulated_pool
from components.facts import Pool, Quota
from components.labels import TENANT

REAL = Pool(name="workers", count=2, quota=Quota(cpu="2", memory="4Gi"))
FAKE = simulated_pool("h100", "p5.48xlarge", 2)


def quotas(pools: tuple[Pool, ...]) -> dict[str, dict[str, object]]:
    (group,) = cluster_queue(pools)["spec"]["resourceGroups"]
    return {
        f["name"]: {r["name"]: r["nominalQuota"] for r in f["resources"]} for f in group["flavors"]
    }


def test_quota_is_what_the_pools_have_and_no_more() -> None:
    assert quotas((REAL, FAKE)) == {
        "workers": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "0"},
        "h100": {"cpu": "384", "memory": "4Ti", "nvidia.com/gpu": "16"},
    }


def test_without_accelerators_none_are_covered() -> None:
    assert quotas((REAL,)) == {"workers": {"cpu": "2", "memory": "4Gi"}}


def test_a_job_is_never_admitted_to_simulated_nodes_unless_it_tolerates_them() -> None:
    (taint,) = flavor(FAKE)["spec"]["nodeTaints"]
    assert (taint["key"], taint["effect"]) == ("kwok.x-k8s.io/node", "NoSchedule")
    assert "tolerations" not in flavor(FAKE)["spec"]
    assert "nodeTaints" not in flavor(REAL)["spec"]


@pytest.mark.parametrize("kind", ["managedJobsNamespaceSelector"])
def test_only_namespaces_of_teams_are_managed(kind: str) -> None:
    assert configuration()[kind] == {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}
