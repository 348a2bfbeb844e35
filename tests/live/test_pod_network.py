"""What pods may count on: addresses, names, policies, ports of the host, and volumes."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
import yaml

from tests.conftest import Platform
from tests.live.conftest import Kubectl, eventually
from tools import supply

pytestmark = pytest.mark.live

NAMESPACE = "pod-network-test"
PORT = 8000
SERVE = ["python3", "-m", "http.server", str(PORT), "--directory", "/tmp"]


def pod(name: str, node: str, *, claim: str | None = None) -> dict[str, object]:
    """A web server on a node; with a claim, on a volume, and then the scheduler chooses."""
    container: dict[str, object] = {
        "name": "web",
        "image": supply.image_ref("mlflow"),
        "imagePullPolicy": "IfNotPresent",
        "command": SERVE,
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volume = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"fsGroup": 65532},
            "containers": [container],
            "volumes": [{"name": "data", **volume}],
        },
    }


def policy(name: str, *allowed: str) -> dict[str, object]:
    """Only the allowed pods may reach ``server``."""
    sources = [{"podSelector": {"matchLabels": {"app": app}}} for app in allowed]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": {"app": "server"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": sources}] if sources else [],
        },
    }


@pytest.fixture(scope="module")
def run(cluster: Platform) -> Callable[..., str]:
    """Run kubectl, with a manifest on its standard input if there is one."""

    def kubectl(*args: str, manifest: object = None) -> str:
        done = subprocess.run(
            [supply.program("kubectl"), f"--kubeconfig={cluster.kubeconfig}", *args],
            input=yaml.safe_dump_all(manifest) if isinstance(manifest, list) else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return kubectl


@pytest.fixture(scope="module")
def pods(cluster: Platform, run: Callable[..., str]) -> Iterator[dict[str, str]]:
    """Addresses of a server, a pod beside it, and one with a volume on the other worker."""
    first, second = cluster.nodes[1], cluster.nodes[2]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "disk", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "server", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": PORT}]},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    try:
        run(
            "apply",
            "--filename=-",
            manifest=[
                namespace,
                claim,
                service,
                pod("server", first),
                pod("near", first),
                pod("far", second, claim="disk"),
            ],
        )
        run("wait", "pod", "--all", f"--namespace={NAMESPACE}", "--for=condition=Ready",
            "--timeout=180s")  # fmt: skip
        listed = json.loads(run("get", "pods", f"--namespace={NAMESPACE}", "--output=json"))
        yield {i["metadata"]["name"]: i["status"]["podIP"] for i in listed["items"]}
    finally:
        run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")


def reached(run: Callable[..., str], source: str, url: str) -> bool:
    """Tell whether one pod gets an answer from an address."""
    script = (
        "import sys, urllib.request as r\n"
        "try:\n r.urlopen(sys.argv[1], timeout=3); print('yes')\n"
        "except OSError: print('no')"
    )
    said = run("exec", source, f"--namespace={NAMESPACE}", "--", "python3", "-c", script, url)
    return said.strip() == "yes"


def within(seconds: float, claim: Callable[[], bool]) -> bool:
    """Tell whether a claim holds before the time is over."""
    end = time.monotonic() + seconds
    while not (held := claim()) and time.monotonic() < end:
        time.sleep(0.5)
    return held


def test_pods_reach_each_other_on_one_node_and_on_two(
    run: Callable[..., str], pods: dict[str, str]
) -> None:
    url = f"http://{pods['server']}:{PORT}"
    assert within(30, lambda: reached(run, "near", url))
    assert within(30, lambda: reached(run, "far", url))


@pytest.mark.parametrize("name", ["server", f"server.{NAMESPACE}.svc.cluster.local"])
def test_services_have_names(run: Callable[..., str], pods: dict[str, str], name: str) -> None:
    assert pods
    assert within(30, lambda: reached(run, "far", f"http://{name}"))


def test_policies_hold_and_end(run: Callable[..., str], pods: dict[str, str]) -> None:
    url = f"http://{pods['server']}:{PORT}"
    run("apply", "--filename=-", manifest=[policy("only", "far")])
    assert within(30, lambda: not reached(run, "near", url)), "a pod of the same node got through"
    assert within(30, lambda: reached(run, "far", url)), "the pod that is allowed did not"
    run("apply", "--filename=-", manifest=[policy("only")])
    assert within(30, lambda: not reached(run, "far", url)), "a pod of another node got through"
    run("delete", "networkpolicy", "only", f"--namespace={NAMESPACE}")
    assert within(30, lambda: reached(run, "near", url) and reached(run, "far", url))


def test_a_volume_of_the_default_class_can_be_written(
    run: Callable[..., str], pods: dict[str, str]
) -> None:
    assert pods
    run("exec", "far", f"--namespace={NAMESPACE}", "--", "sh", "-c", "echo kept > /data/file")
    claim = json.loads(run("get", "pvc", "disk", f"--namespace={NAMESPACE}", "--output=json"))
    assert claim["spec"]["storageClassName"] == "standard"
    assert claim["status"]["phase"] == "Bound"


def test_a_mapped_port_reaches_the_cluster(cluster: Platform, kubectl: Kubectl) -> None:
    """Whatever serves there: that something answers is the network's part of it."""
    mapped = json.loads(cluster.engine.run("inspect", cluster.nodes[0]))[0]["NetworkSettings"]
    bindings = {port: to[0] for port, to in mapped["Ports"].items() if to and "6443" not in port}
    services = json.loads(kubectl("get", "services", "--all-namespaces", "--output=json"))["items"]
    served = {p.get("nodePort") for s in services for p in s["spec"].get("ports", [])}
    open_ports = [to for port, to in bindings.items() if int(port.split("/")[0]) in served]
    assert open_ports
    for to in open_ports:
        assert to["HostIp"] == "127.0.0.1"
        # An error of whoever serves there is an answer as well; only silence raises.
        with suppress(urllib.error.HTTPError):
            url = f"http://127.0.0.1:{to['HostPort']}"
            eventually(partial(urllib.request.urlopen, url, timeout=10)).close()
