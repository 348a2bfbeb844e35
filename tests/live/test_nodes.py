"""The nodes of a cluster as machines: what runs, what lies where, what is open (testinfra)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from typing import Any

import pytest
import testinfra
import yaml

from tests.conftest import Platform
from tests.live.conftest import Kubectl
from tools import kind_config, node_image, node_root, supply

pytestmark = pytest.mark.live

Host = Any
"""A machine as testinfra sees it; the package carries no types."""


@pytest.fixture
def hosts(cluster: Platform, monkeypatch: pytest.MonkeyPatch) -> dict[str, Host]:
    """Every node by its name."""
    for name, value in cluster.engine.env().items():
        monkeypatch.setenv(name, value)
    return {name: testinfra.get_host(f"docker://{name}") for name in cluster.nodes}


@pytest.fixture
def built(cluster: Platform, hosts: dict[str, Host]) -> dict[str, Host]:
    """The nodes, where their image is the one that is built from source."""
    image = cluster.engine.run("inspect", "--format", "{{.Config.Image}}", cluster.nodes[0])
    if not image.startswith(node_image.REPOSITORY):
        pytest.skip("these nodes are of the published image")
    return hosts


def each(hosts: dict[str, Host], claim: Callable[[Host], bool]) -> dict[str, bool]:
    return {name: claim(host) for name, host in hosts.items() if not claim(host)}


def control_plane(hosts: dict[str, Host]) -> Host:
    return next(host for name, host in hosts.items() if name.endswith("-control-plane"))


def test_every_node_is_there(hosts: dict[str, Host], kubectl: Kubectl) -> None:
    listed = json.loads(kubectl("get", "nodes", "--selector=!type", "--output=json"))["items"]
    assert set(hosts) <= {node["metadata"]["name"] for node in listed}
    for name, host in hosts.items():
        assert host.check_output("hostname") == name


@pytest.mark.parametrize("service", ["containerd", "kubelet"])
def test_services_are_up_and_start_by_themselves(hosts: dict[str, Host], service: str) -> None:
    assert not each(hosts, lambda host: host.service(service).is_running)
    assert not each(hosts, lambda host: host.service(service).is_enabled)


def test_no_unit_has_failed(hosts: dict[str, Host]) -> None:
    for name, host in hosts.items():
        assert host.run("systemctl is-system-running").stdout.strip() == "running", name


def test_nothing_runs_that_has_no_work(built: dict[str, Host]) -> None:
    for host in built.values():
        units = host.check_output("systemctl list-units --type=service --state=running --plain -q")
        running = {line.split()[0] for line in units.splitlines()}
        assert running == {"containerd.service", "kubelet.service", "systemd-journald.service"}


def test_programs_are_of_one_version(hosts: dict[str, Host]) -> None:
    for host in hosts.values():
        assert host.check_output("kubelet --version").endswith(node_root.VERSION)
        assert host.check_output("kubeadm version -o short") == node_root.VERSION
        assert host.file("/kind/version").content_string.strip() == node_root.VERSION


def test_kubelets_are_set_as_wanted(hosts: dict[str, Host]) -> None:
    for host in hosts.values():
        settings = yaml.safe_load(host.file("/var/lib/kubelet/config.yaml").content_string)
        assert settings["syncFrequency"] == "5s"
        assert settings["failCgroupV1"] is False
        assert settings["authentication"]["anonymous"]["enabled"] is False
        assert settings["authorization"]["mode"] == "Webhook"


@pytest.mark.parametrize(
    "path", ["/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/pki/kubelet-client-current.pem"]
)
def test_credentials_are_roots_alone(hosts: dict[str, Host], path: str) -> None:
    for name, host in hosts.items():
        file = host.file(host.file(path).linked_to if host.file(path).is_symlink else path)
        assert (file.user, file.mode) == ("root", 0o600), name


def test_keys_of_the_control_plane_are_where_it_is(hosts: dict[str, Host]) -> None:
    ca = "/etc/kubernetes/pki/ca.key"
    for name, host in hosts.items():
        assert host.file(ca).exists == name.endswith("-control-plane")
    assert control_plane(hosts).file(ca).mode == 0o600
    assert control_plane(hosts).file("/var/lib/etcd").mode == 0o700


def test_open_ports(hosts: dict[str, Host]) -> None:
    for host in hosts.values():
        assert host.check_output("cat /proc/net/tcp6").count(":280A ") >= 1  # the kubelet, 10250
        # The unauthenticated health port is for the node itself.
        open_to_all = host.check_output("cat /proc/net/tcp /proc/net/tcp6")
        assert " 0100007F:2808 " in open_to_all
        assert f" {'0' * 32}:2808 " not in open_to_all


def test_the_mark_of_the_stack_is_mounted(hosts: dict[str, Host]) -> None:
    for host in hosts.values():
        assert host.mount_point(kind_config.MARK).exists


def test_identities_differ(built: dict[str, Host]) -> None:
    for path in ("/etc/machine-id", "/kind/product_uuid"):
        assert len({host.file(path).content_string for host in built.values()}) == len(built)


def test_the_resolver_is_no_loopback_address(hosts: dict[str, Host]) -> None:
    for host in hosts.values():
        lines = host.file("/etc/resolv.conf").content_string.splitlines()
        servers = [line.split()[1] for line in lines if line.startswith("nameserver")]
        assert servers
        assert not any(ipaddress.ip_address(server).is_loopback for server in servers)


def test_nodes_know_each_other_by_name(hosts: dict[str, Host]) -> None:
    for host in hosts.values():
        for other in hosts:
            assert host.run(f"getent hosts {other}").rc == 0


def test_loopback_takes_in_only_what_was_redirected(built: dict[str, Host]) -> None:
    for host in built.values():
        rules = host.check_output("iptables-save -t filter")
        assert "-A INPUT -d 127.0.0.0/8 ! -i lo -m conntrack ! --ctstate DNAT -j DROP" in rules


def test_every_node_has_its_own_pods_range(built: dict[str, Host], kubectl: Kubectl) -> None:
    nodes = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
    given = {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in nodes}
    for name, host in built.items():
        written = json.loads(host.file("/etc/cni/net.d/10-cnai.conflist").content_string)
        link, *_ = written["plugins"]
        assert link["ipam"]["ranges"] == [[{"subnet": given[name]}]]
        assert link["mtu"] == int(host.file("/sys/class/net/eth0/mtu").content_string)


def test_images_of_the_control_plane_came_with_the_node(built: dict[str, Host]) -> None:
    for host in built.values():
        there = set(host.check_output("ctr --namespace=k8s.io images ls --quiet").split())
        assert {supply.image_ref(name) for name in node_image.IMAGES} <= there


def test_nodes_share_the_layers_that_they_came_with(built: dict[str, Host]) -> None:
    store = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
    for host in built.values():
        first = host.file(f"{store}/1")
        assert first.is_symlink
        assert str(first.linked_to).startswith("/kind/")


def test_limits_are_not_above_the_hosts(built: dict[str, Host]) -> None:
    for host in built.values():
        own = host.check_output("cat /proc/1/limits")
        runtime = host.check_output("cat /proc/$(pgrep --exact containerd)/limits")

        def ceiling(text: str) -> str:
            line = next(line for line in text.splitlines() if line.startswith("Max open files"))
            return line.split()[4]

        if ceiling(own) != "unlimited":
            assert int(ceiling(runtime)) <= int(ceiling(own))


def test_a_node_has_one_volume(cluster: Platform) -> None:
    for name in cluster.nodes:
        (told,) = json.loads(cluster.engine.run("inspect", name))
        volumes = [m["Destination"] for m in told["Mounts"] if m["Type"] == "volume"]
        assert volumes == ["/var"]
