from __future__ import annotations

import pytest

from addons.kueue import configuration, flavor
from components.clusters.local import simulated_pool
from components.devices import Devices
from components.facts import Pool, Quota
from components.labels import TENANT

REAL = Pool(name="workers", count=2, quota=Quota(cpu="2", memory="4Gi"))
FAKE = simulated_pool("h100", "p5.48xlarge", 2)
CLAIMED = Devices(
    resource="cnai.dev/gpu", claim="gpu.example.com", device="simulated", per_node={"workers": 3}
)


def test_claims_are_counted_by_the_resource_of_their_class() -> None:
    parts = Devices(resource="cnai.dev/gpu", claim="part.example.com", device="simulated")
    asked = Devices(resource="nvidia.com/gpu", device="simulated")
    assert configuration((CLAIMED, parts, asked))["resources"]["deviceClassMappings"] == [
        {"name": "cnai.dev/gpu", "deviceClassNames": ["gpu.example.com", "part.example.com"]}
    ]
    assert "resources" not in configuration((asked,))


def test_a_job_is_never_admitted_to_simulated_nodes_unless_it_tolerates_them() -> None:
    (taint,) = flavor(FAKE)["spec"]["nodeTaints"]
    assert (taint["key"], taint["effect"]) == ("kwok.x-k8s.io/node", "NoSchedule")
    assert "tolerations" not in flavor(FAKE)["spec"]
    assert "nodeTaints" not in flavor(REAL)["spec"]


@pytest.mark.parametrize("kind", ["managedJobsNamespaceSelector"])
def test_only_namespaces_of_teams_are_managed(kind: str) -> None:
    assert configuration()[kind] == {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}
