"""Every addon can be switched off and on while the others work, and outlives the loss of its pods.

No addon is named here: which there are, and what needs what, is read from their contract.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.addon import Addon, everything
from components.api_server import ApiServer, RefusedError
from components.probe_runner import await_all
from components.status.observed import Observed, observe
from components.status.pods import lasting
from components.status.report import Status
from stacks import stack_files
from stacks.compose import chosen, contexts, facts_of
from stacks.settings import Settings
from tests.conftest import Platform
from tests.live.conftest import Kubectl
from tests.live.switching import rounds
from tests.waiting import wait_for
from tools import supply

pytestmark = pytest.mark.live

Look = Callable[[], Status]
Switch = Callable[[frozenset[str]], list[Addon]]
KUBERNETES = "kubernetes:"
POINTING = {
    "admissionregistration.k8s.io/v1": (
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    ),
    "apiextensions.k8s.io/v1": ("CustomResourceDefinition",),
    "apiregistration.k8s.io/v1": ("APIService",),
}
"""Kinds whose objects send the API server to a Service: dead ones refuse or hang."""


def selected(settings: Settings) -> list[Addon]:
    return chosen(settings, supply.resolve(settings.supply))


@pytest.fixture
def server(platform: Platform) -> ApiServer:
    return ApiServer(platform.kubeconfig.read_text())


@pytest.fixture
def switch(platform: Platform, settings: Settings) -> Iterator[Switch]:
    """Switch addons off by the settings, and bring the stack up; at the end all are on again."""
    file = Path(platform.env["CNAI_STACKS"], f"Pulumi.{platform.stack}.yaml")
    before = file.read_text()

    def off(names: frozenset[str]) -> list[Addon]:
        said = yaml.safe_load(before)
        said["config"]["cnai:addons"] = dict.fromkeys(sorted(names), False)
        file.write_text(yaml.safe_dump(said))
        assert platform.cnai("up", platform.stack).returncode == 0
        return selected(stack_files.settings(platform.stack))

    try:
        yield off
    finally:
        file.write_text(before)
        platform.cnai("up", platform.stack)


def made(platform: Platform) -> dict[str, set[tuple[str, str, str, str]]]:
    """Return by addon what the state says that it made: version, kind, namespace, name."""
    exported = json.loads(platform.pulumi("stack", "export", "--stack", platform.stack).stdout)
    found: dict[str, set[tuple[str, str, str, str]]] = {}
    for resource in exported["deployment"]["resources"]:
        # …$cnai:index:Installation$…::<addon>/…: all children bear the name of their addon.
        if "cnai:index:Installation$" not in resource["urn"]:
            continue
        addon = resource["urn"].rsplit("::", 1)[1].split("/")[0].split(":")[0]
        kept = found.setdefault(addon, set())
        outputs = resource.get("outputs") or {}
        if resource["type"].endswith("cnai:Kinds"):
            api = "apiextensions.k8s.io/v1"
            kept |= {(api, "CustomResourceDefinition", "", name) for name in outputs["names"]}
        elif resource["type"].startswith(KUBERNETES) and "kind" in outputs:
            metadata = outputs["metadata"]
            key = (outputs["apiVersion"], outputs["kind"], metadata.get("namespace") or "")
            kept.add((*key, metadata["name"]))
    return found


def still_there(server: ApiServer, objects: set[tuple[str, str, str, str]]) -> list[str]:
    left = []
    for version, kind, namespace, name in sorted(objects):
        try:
            server.find(version, kind, name, namespace or None)
        except RefusedError as error:
            if error.status != 404:
                raise
        else:
            left.append(f"{kind} {namespace}/{name}")
    return left


def services(found: Any) -> Iterator[str]:
    """Yield the namespaces of the Services that an object sends the API server to."""
    if isinstance(found, Mapping):
        service = found.get("service")
        if isinstance(service, Mapping) and "namespace" in service:
            yield str(service["namespace"])
        for value in found.values():
            yield from services(value)
    elif isinstance(found, list):
        for value in found:
            yield from services(value)


def pointing_to(server: ApiServer, namespaces: set[str]) -> list[str]:
    return [
        f"{kind} {found['metadata']['name']}"
        for version, kinds in POINTING.items()
        for kind in kinds
        for found in server.every(version, kind)
        if namespaces & set(services(found))
    ]


def pieces(server: ApiServer, gone: list[Addon], namespaces: set[str]) -> list[str]:
    """Return volumes and objects of addons that are gone, whoever made them."""
    left = [
        f"PersistentVolume {found['metadata']['name']}"
        for found in server.every("v1", "PersistentVolume")
        if (found["spec"].get("claimRef") or {}).get("namespace") in namespaces
    ]
    labels = {f"cnai.dev/addon={addon.name}" for addon in gone}
    for version, kind in (
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("v1", "Namespace"),
        ("v1", "Pod"),
        ("v1", "Node"),
    ):
        for found in server.every(version, kind):
            own = (found["metadata"].get("labels") or {}).items()
            if labels & {f"{key}={value}" for key, value in own}:
                left.append(f"{kind} {found['metadata']['name']}")
    return left


def test_each_addon_goes_without_a_trace_and_comes_back(
    platform: Platform, settings: Settings, server: ApiServer, switch: Switch, look: Look
) -> None:
    every = selected(settings)
    before = made(platform)
    assert set(before) == {addon.name for addon in every}
    went: set[str] = set()
    for off in rounds(every):
        stays = switch(off)
        gone = [addon for addon in every if addon.name not in {a.name for a in stays}]
        went |= {addon.name for addon in gone}
        assert off <= {addon.name for addon in gone}
        namespaces = {a.namespace for a in gone} - {a.namespace for a in stays}
        kept = set().union(*(before[addon.name] for addon in stays))
        objects = set().union(*(before[addon.name] for addon in gone)) - kept
        assert not still_there(server, objects)
        assert not pointing_to(server, namespaces)
        wait_for(
            "volumes are gone",
            lambda: not pieces(server, gone, namespaces),  # noqa: B023
            seconds=600,
        )
        seen = look()
        assert [a.name for a in seen.addons] == [a.name for a in stays]
        assert not seen.problems, seen.problems
    assert went == {addon.name for addon in every}
    # `up` ends well only when every proof of what came back held.
    assert [a.name for a in switch(frozenset())] == [a.name for a in every]
    assert not look().problems
    assert before.keys() == made(platform).keys()


def test_addons_outlive_the_loss_of_all_their_pods(
    platform: Platform, settings: Settings, kubectl: Kubectl, server: ApiServer, look: Look
) -> None:
    wait_for("all is ready", lambda: not look().problems, seconds=600)
    addons = selected(settings)
    running = {addon.name for addon in look().addons if addon.deployed.want}
    assert running

    def reason(name: str) -> str | None:
        return next(seen.reason for seen in look().addons if seen.name == name)

    for addon in (addon for addon in addons if addon.name in running):
        # What is back in seconds would be missed by a look that takes as long.
        with no_new_pods(kubectl, addon.namespace):
            kubectl(
                *("delete", "pods", "--all", "-n", addon.namespace),
                *("--grace-period=1", "--wait=false"),
            )
            wait_for(f"{addon.name} is not ready", lambda: bool(reason(addon.name)))  # noqa: B023
    wait_for("all is ready again", lambda: not look().problems, seconds=600)
    assert _young(observe(server), {addon.namespace for addon in addons})
    ctx = contexts(facts_of(platform.stack, settings), settings, addons, lambda _: "")
    proofs = [
        probe.data() for addon in addons for probe in everything(addon, ctx[addon.name]).proof
    ]
    assert len(await_all(platform.kubeconfig.read_text(), proofs)) == len(proofs)


@contextmanager
def no_new_pods(kubectl: Kubectl, namespace: str) -> Iterator[None]:
    """Let no pod begin in a namespace for a while."""
    where = ("-n", namespace)
    kubectl("create", "quota", "none", "--hard=pods=0", *where)
    try:
        held = "jsonpath={.status.hard.pods}"
        wait_for("it holds", lambda: kubectl("get", "quota", "none", *where, "-o", held) == "0")
        yield
    finally:
        kubectl("delete", "quota", "none", *where)


def _young(seen: Observed, namespaces: set[str]) -> bool:
    """Say whether no pod is left that ought to have been deleted."""
    pods = [p for p in lasting(seen.of("Pod")) if p["metadata"]["namespace"] in namespaces]
    return not any(pod["metadata"].get("deletionTimestamp") for pod in pods)
