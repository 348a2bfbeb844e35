"""A registry in the cluster of the tests, and images in it that were signed, or were not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client

from components.clusters.node_images import load
from components.pods import container_security, pod_security, resources
from tests.conftest import Platform
from tests.registry import Signer, push
from tests.waiting import wait_for
from tools import supply
from tools.supply import Mode

LABELS = {"app": "registry"}
PORT = 5000
OLD_FORM = "--new-bundle-format=false"
"""Signatures as cosign made them before its third version: many registries are full of them."""


@dataclass(frozen=True)
class Shelf:
    """What is in the registry: ``at`` is its name in the cluster, ``digests`` are by name."""

    at: str
    digests: dict[str, str]
    trusted: Signer
    other: Signer

    def __getitem__(self, name: str) -> str:
        return f"{self.at}/{name}@{self.digests[name]}"


@contextmanager
def registry(platform: Platform, api: client.ApiClient) -> Iterator[tuple[str, str]]:
    """Run a registry in a namespace that is no team's; yield its name in the cluster, and that.

    It has no certificate. An address of a private network is asked without one as well.
    """
    supply.ensure(["image:registry"], Mode.SOURCE)
    image = supply.image("registry", Mode.SOURCE)
    assert image.archive
    for node in platform.nodes[1:]:
        load(platform.engine, node, image.archive)
    name = f"registry-{secrets.token_hex(3)}"
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    container = {
        "name": "registry",
        "image": image.ref,
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/v2/", "port": PORT}},
        "securityContext": container_security(),
        "resources": resources("10m", "32Mi"),
    }
    template = {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [container], "securityContext": pod_security(65532)},
    }
    ports = {"selector": LABELS, "ports": [{"port": PORT}]}
    core.create_namespace({"metadata": {"name": name}})
    try:
        apps.create_namespaced_deployment(
            name,
            {
                "metadata": {"name": "registry"},
                "spec": {"selector": {"matchLabels": LABELS}, "template": template},
            },
        )
        service = core.create_namespaced_service(
            name, {"metadata": {"name": "registry"}, "spec": ports}
        )
        wait_for(
            "the registry is ready",
            lambda: apps.read_namespaced_deployment_status("registry", name).status.ready_replicas,
        )
        yield f"{service.spec.cluster_ip}:{PORT}", name
    finally:
        core.delete_namespace(name)


def filled(at: str, through: str, folder: Path) -> Shelf:
    """Push images and models through the door, and have them signed: or not, or by another."""
    trusted, other = Signer.new(folder / "trusted"), Signer.new(folder / "other")
    names = ("signed", "signed-before", "unsigned", "others", "both", "second")
    digests = {name: push(through, name, name) for name in names}

    def named(name: str) -> str:
        return f"{through}/{name}@{digests[name]}"

    for name in ("signed", "both", "second"):
        trusted.sign(named(name))
    trusted.sign(named("signed-before"), OLD_FORM)
    for name in ("others", "both"):
        other.sign(named(name))
    # What is found out about Kyverno would be empty if cosign itself did not tell these apart.
    assert trusted.verify(named("signed"))
    assert trusted.verify(named("signed-before"), OLD_FORM)
    assert not trusted.verify(named("unsigned"))
    assert not trusted.verify(named("others"))
    return Shelf(at, digests, trusted, other)
