from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from addons import catalogue
from addons.kserve import KINDS, configuration
from components.addon import Addon, Context

Make = Callable[[Addon], Context]


@pytest.fixture
def ctx(context: Make) -> Context:
    return context(catalogue()["kserve"])


def test_models_are_served_by_plain_deployments_without_ingress(ctx: Context) -> None:
    parts = {key: json.loads(text) for key, text in configuration(ctx)["data"].items()}
    assert parts["deploy"] == {"defaultDeploymentMode": "Standard"}
    assert parts["ingress"]["disableIngressCreation"] is True


def test_no_pod_is_made_with_an_image_that_is_not_declared(ctx: Context) -> None:
    parts = {key: json.loads(text) for key, text in configuration(ctx)["data"].items()}
    assert parts["router"]["image"] == ctx.image("kserve-router")
    assert parts["storageInitializer"]["image"] == ctx.image("storage-initializer")


def test_the_deployment_has_no_container_of_an_image_that_is_not_declared(ctx: Context) -> None:
    (found,) = [m for m in catalogue()["kserve"].workloads(ctx) if m["kind"] == "Deployment"]
    containers = found["spec"]["template"]["spec"]["containers"]
    assert [c["image"] for c in containers] == [ctx.image("kserve-controller")]


def test_every_webhook_is_called_with_a_certificate_that_is_made_here(ctx: Context) -> None:
    made = catalogue()["kserve"].workloads(ctx)
    hooks = [m for m in made if m["kind"].endswith("WebhookConfiguration")]
    (certificate,) = [m for m in made if m["kind"] == "Certificate"]
    where = f"{certificate['metadata']['namespace']}/{certificate['metadata']['name']}"
    assert hooks
    assert {h["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] for h in hooks} == {
        where
    }


def test_every_kind_is_in_the_module(ctx: Context) -> None:
    folder = ctx.module("kserve") / "config/crd/full"
    assert not [name for name in KINDS if not (folder / name).is_file()]
