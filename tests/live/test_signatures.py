"""Signatures at admission: Kyverno asks a registry in the cluster, and lets in what was signed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from components.labels import TENANT
from components.pods import container_security, pod_security, resources
from policies.catalog import rules
from policies.ground import Ground, Signers
from policies.guards import manifests
from tests.admission import ACCEPTED, CASES
from tests.conftest import Platform
from tests.forwarding import forwarded
from tests.live import shelf as shelves
from tests.live.shelf import LABELS, Shelf
from tests.waiting import wait_for

pytestmark = pytest.mark.live
(RULE,) = [rule for rule in rules() if rule.id == "CNAI-SUP-006"]
NOBODY = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def api(platform: Platform) -> Iterator[DynamicClient]:
    with config.new_client_from_config(config_file=str(platform.kubeconfig)) as connection:
        yield DynamicClient(connection)


@pytest.fixture(scope="module")
def registry(platform: Platform, api: DynamicClient) -> Iterator[tuple[str, str]]:
    with shelves.registry(platform, api.client) as found:
        yield found


@pytest.fixture(scope="module")
def shelf(
    platform: Platform,
    registry: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shelf]:
    at, namespace = registry
    with forwarded(platform, namespace, "deployment/registry", shelves.PORT) as through:
        yield shelves.filled(at, through, tmp_path_factory.mktemp("signers"))


def pod(*images: str) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "securityContext": pod_security(1),
        "containers": [
            {
                "name": f"c{number}",
                "image": image,
                "securityContext": container_security(),
                "resources": resources("10m", "16Mi"),
            }
            for number, image in enumerate(images)
        ],
    }


def deployment(*images: str) -> dict[str, Any]:
    template = {"metadata": {"labels": LABELS}, "spec": {**pod(*images), "restartPolicy": "Always"}}
    return {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": template}


def model(address: str) -> dict[str, Any]:
    """An InferenceService of which all is said that other rules ask for, with another model."""
    good = next(iter(yaml.safe_load_all((CASES / "CNAI-MOD-002.good.yaml").read_text())))["object"]
    made: dict[str, Any] = json.loads(json.dumps(good))
    made["spec"]["predictor"]["model"]["storageUri"] = address
    return made


Ask = Callable[..., str]
"""Shows an object to the API server, which does not keep it; returns what it says."""


@pytest.fixture(scope="module")
def team(api: DynamicClient, shelf: Shelf) -> Iterator[str]:
    """A team's namespace that had an image nobody signed before signatures were asked for."""
    name = f"signed-{secrets.token_hex(3)}"
    core, apps = client.CoreV1Api(api.client), client.AppsV1Api(api.client)
    core.create_namespace({"metadata": {"name": name, "labels": {TENANT: name}}})
    body = {"metadata": {"name": "before"}, "spec": deployment(shelf["unsigned"])}
    try:
        apps.create_namespaced_deployment(name, body)
        yield name
    finally:
        core.delete_namespace(name)


@pytest.fixture(scope="module")
def ask(api: DynamicClient, shelf: Shelf, team: str) -> Iterator[Ask]:
    """The policy stands, as a stack with this key would have it, and Kyverno goes by it."""
    signers = Signers(images=(f"{shelf.at}/",), keys=(shelf.trusted.key,))
    (policy,) = manifests(RULE, Ground(signers=(signers,)))
    served = api.resources.get(api_version=policy["apiVersion"], kind=policy["kind"])

    def says(kind: str, spec: dict[str, Any], *, version: str = "v1", where: str = team) -> str:
        body = spec if "spec" in spec else {"metadata": {"name": "case"}, "spec": spec}
        body = {**body, "apiVersion": version, "kind": kind}
        try:
            api.resources.get(api_version=version, kind=kind).create(
                body=body, namespace=where, query_params=[("dryRun", "All")]
            )
        except DynamicApiError as error:
            return str(error.body)
        return ACCEPTED

    served.create(body=policy)
    try:
        wait_for(
            "Kyverno asks for signatures",
            lambda: RULE.id in says("Pod", pod(shelf["unsigned"])),
            seconds=120,
        )
        yield says
    finally:
        served.delete(name=policy["metadata"]["name"])


@pytest.mark.parametrize("name", ["signed", "signed-before", "both"])
def test_what_was_signed_is_let_in(ask: Ask, shelf: Shelf, name: str) -> None:
    assert ask("Pod", pod(shelf[name])) == ACCEPTED


@pytest.mark.parametrize("name", ["unsigned", "others"])
def test_what_nobody_signed_or_somebody_else_is_refused(ask: Ask, shelf: Shelf, name: str) -> None:
    said = ask("Pod", pod(shelf[name]))
    assert RULE.id in said
    assert shelf[name] in said
    assert RULE.remedy in said


def test_a_signature_is_of_a_digest_and_a_tag_is_none(ask: Ask, shelf: Shelf) -> None:
    said = ask("Pod", pod(f"{shelf.at}/signed:1.0.0"))
    assert RULE.id in said
    assert "digest" in said


def test_what_cannot_be_looked_up_is_refused(ask: Ask, shelf: Shelf) -> None:
    assert RULE.id.lower() in ask("Pod", pod(f"{shelf.at}/signed@{NOBODY}")).lower()


def test_several_images_are_asked_about_each_once(ask: Ask, shelf: Shelf) -> None:
    """One that is named twice before another has had Kyverno wait until the time was up."""
    first, second = shelf["signed"], shelf["second"]
    assert ask("Pod", pod(first, first, second, first)) == ACCEPTED
    assert RULE.id in ask("Pod", pod(first, second, shelf["unsigned"]))


def test_a_workload_is_refused_and_not_only_its_pods(ask: Ask, shelf: Shelf) -> None:
    good, bad = (deployment(shelf[name]) for name in ("signed", "unsigned"))
    assert ask("Deployment", good, version="apps/v1") == ACCEPTED
    assert RULE.id in ask("Deployment", bad, version="apps/v1")


def test_models_in_registries_are_asked_about_as_well(ask: Ask, shelf: Shelf) -> None:
    def served(address: str) -> str:
        return ask("InferenceService", model(address), version="serving.kserve.io/v1beta1")

    assert served(f"oci://{shelf['signed']}") == ACCEPTED
    for name in ("unsigned", "others"):
        said = served(f"oci://{shelf[name]}")
        assert RULE.id in said
        assert shelf[name] in said
    # What lies elsewhere has no signature to ask for.
    assert served("s3://models/digits/3") == ACCEPTED


def test_what_is_put_into_a_running_pod_is_asked_about(
    api: DynamicClient, ask: Ask, shelf: Shelf, team: str
) -> None:
    assert ask("Pod", pod(shelf["signed"])) == ACCEPTED
    pods = api.resources.get(api_version="v1", kind="Pod")
    pods.create(body={"metadata": {"name": "runs"}, "spec": pod(shelf["signed"])}, namespace=team)

    def put(image: str) -> str:
        path = f"{pods.path(name='runs', namespace=team)}/ephemeralcontainers"
        container = {"name": "debug", "image": image, "securityContext": container_security()}
        try:
            api.request(
                "patch",
                path,
                body={"spec": {"ephemeralContainers": [container]}},
                content_type="application/strategic-merge-patch+json",
                query_params=[("dryRun", "All")],
            )
        except DynamicApiError as error:
            return str(error.body)
        return ACCEPTED

    assert put(shelf["second"]) == ACCEPTED
    assert RULE.id in put(shelf["unsigned"])


def test_others_are_not_asked_for_signatures(ask: Ask, shelf: Shelf, registry: Any) -> None:
    assert ask("Pod", pod("docker.io/library/busybox:1.36.1")) == ACCEPTED
    # Where no team works the platform is at home.
    assert ask("Pod", pod(shelf["unsigned"]), where=registry[1]) == ACCEPTED


def test_what_was_there_before_can_be_tidied_up(
    api: DynamicClient, ask: Ask, shelf: Shelf, team: str
) -> None:
    assert ask("Pod", pod(shelf["signed"])) == ACCEPTED
    served = api.resources.get(api_version="apps/v1", kind="Deployment")

    def change(body: dict[str, Any]) -> str:
        try:
            served.patch(
                body=body,
                name="before",
                namespace=team,
                content_type="application/strategic-merge-patch+json",
                query_params=[("dryRun", "All")],
            )
        except DynamicApiError as error:
            return str(error.body)
        return ACCEPTED

    def holding(image: str) -> dict[str, Any]:
        return {"spec": {"template": {"spec": {"containers": [{"name": "c0", "image": image}]}}}}

    assert change({"metadata": {"labels": {"tidied": "up"}}}) == ACCEPTED
    assert change(holding(shelf["signed"])) == ACCEPTED
    assert RULE.id in change(holding(shelf["others"]))
