"""Two teams on one cluster: forked as a person does it, and kept apart."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components.api_server import ApiServer, RefusedError
from components.pods import container_security, pod_security, resources
from tests.live.conftest import Kubectl
from tests.live.tenants.conftest import ASKED, Tenants
from tests.live.tenants.isolation import MEMBER, POD_OF_A, Ask, Reach
from tests.waiting import wait_for
from tools import supply

pytestmark = pytest.mark.live
TEAMS = tuple(ASKED)
PORT = 8000


@pytest.fixture(scope="module")
def member(tenants: Tenants) -> ApiServer:
    return tenants.member("red")


def filled(value: Any) -> Any:
    return json.loads(json.dumps(value).replace("{a}", "red").replace("{b}", "blue"))


@pytest.mark.parametrize("ask", MEMBER, ids=[ask.what for ask in MEMBER])
def test_a_member_may(ask: Ask, member: ApiServer) -> None:
    path = filled(ask.path)
    if ask.method == "POST":
        path += f"{'&' if '?' in path else '?'}dryRun=All"
    if ask.may == "yes":
        member.text(path, method=ask.method, body=filled(ask.body))
    else:
        with pytest.raises(RefusedError) as refused:
            member.text(path, method=ask.method, body=filled(ask.body))
        assert refused.value.status == 403


def server(team: str) -> list[dict[str, Any]]:
    """A server of a team, and a pod that asks others."""
    labels = {"app": "server"}
    spec = {
        "terminationGracePeriodSeconds": 0,
        "securityContext": pod_security(65532),
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "main",
                "image": supply.image_ref("mlflow"),
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-m", "http.server", str(PORT), "--directory", "/var"],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                "securityContext": container_security(),
                "resources": resources("10m", "32Mi", "64Mi"),
            }
        ],
    }
    metadata = {"name": "server", "namespace": team}
    ports = [{"port": PORT}]
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**metadata, "labels": labels},
            "spec": spec,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": ports},
        },
    ]


@pytest.fixture(scope="module")
def servers(tenants: Tenants) -> Iterator[Callable[[str, int], bool]]:
    """Both teams serve; say whether a pod of the first reaches an address."""
    owner, platform = tenants.owner(), tenants.platform
    made = [manifest for team in TEAMS for manifest in server(team)]
    for manifest in made:
        owner.create(manifest)

    def ready(team: str) -> bool:
        status = owner.find("v1", "Pod", "server", team).get("status", {})
        return any(
            c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])
        )

    def reached(host: str, port: int) -> bool:
        program = f"import socket; socket.create_connection(('{host}', {port}), 4)"
        done = subprocess.run(
            [
                *(str(platform.home / "bin" / "kubectl"), f"--kubeconfig={platform.kubeconfig}"),
                *("exec", "--namespace=red", "server", "--", "python3", "-c", program),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode == 0

    try:
        for team in TEAMS:
            wait_for(f"the server of {team} is ready", lambda: ready(team))  # noqa: B023
        yield reached
    finally:
        for manifest in made:
            owner.delete(manifest)


@pytest.mark.parametrize("reach", POD_OF_A, ids=[reach.what for reach in POD_OF_A])
def test_a_pod_reaches(reach: Reach, servers: Callable[[str, int], bool]) -> None:
    host = filled(reach.host)
    if reach.may == "yes":
        wait_for(f"{host} is reached", lambda: servers(host, reach.port), seconds=60)
    else:
        assert not servers(host, reach.port)


def test_what_a_team_is_granted_is_taken_from_the_platforms_queue(
    tenants: Tenants, kubectl: Kubectl
) -> None:

    def gpus(queue: str) -> int:
        found = json.loads(kubectl("get", "clusterqueue", queue, "--output=json"))
        return sum(
            int(resource["nominalQuota"])
            for group in found["spec"]["resourceGroups"]
            for flavor in group["flavors"]
            for resource in flavor["resources"]
            if resource["name"] == "nvidia.com/gpu"
        )

    assert [gpus(queue) for queue in ("red", "blue", "platform")] == [4, 4, 8]
