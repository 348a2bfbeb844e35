"""What holds for every addon, whatever it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from addons import pins
from components.addon import Addon, Context, everything
from components.steps import logical
from tests.addons.conftest import described
from tools.paths import REPO

Make = Callable[[Addon], Context]


class Yaml(SingleFileSnapshotExtension):
    file_extension = "yaml"
    _write_mode = WriteMode.TEXT

    def serialize(self, data: Any, **_: Any) -> str:
        return yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=True, width=120)


def manifests(addon: Addon, ctx: Context) -> list[dict[str, Any]]:
    does = everything(addon, ctx)
    return [*does.workloads, *does.resources]


def pods(addon: Addon, ctx: Context) -> Iterator[dict[str, Any]]:
    """Every pod specification of an addon, its probes' included, wherever it lies."""
    does = everything(addon, ctx)
    todo: list[Any] = [*manifests(addon, ctx)]
    todo += [p.args.get("manifest", {}) for p in (*does.ready, *does.proof)]
    while todo:
        found = todo.pop()
        if isinstance(found, dict):
            if "containers" in found:
                yield found
            todo += found.values()
        elif isinstance(found, list):
            todo += found


def test_what_it_puts_into_a_cluster(
    addon: Addon, context: Make, snapshot: SnapshotAssertion
) -> None:
    assert described(addon, context(addon)) == snapshot(name=addon.name, extension_class=Yaml)


def test_its_functions_are_pure(addon: Addon, context: Make) -> None:
    ctx = context(addon)
    assert described(addon, ctx) == described(addon, ctx)


def test_its_file_has_its_name_and_its_pin_a_table(addon: Addon) -> None:
    assert (REPO / "addons" / f"{addon.name.replace('-', '_')}.py").is_file()
    assert addon.name in pins()


def test_its_version_is_that_of_what_is_built_or_pulled(addon: Addon, context: Make) -> None:
    tags = [context(addon).image(name).rsplit(":", 1)[1].lstrip("v") for name in addon.images]
    assert any(tag.split("-")[0] == pins()[addon.name].version for tag in tags)


def test_it_has_a_page(addon: Addon) -> None:
    page = (REPO / "docs" / "addons" / f"{addon.name}.md").read_text()
    assert page.startswith("# ")
    for heading in ("## What", "## Why this one", "## Settings", "## How it is proven"):
        assert heading in page


def test_it_is_known_to_work_by_a_probe_that_uses_it(addon: Addon, context: Make) -> None:
    ctx = context(addon)
    does = everything(addon, ctx)
    assert does.ready
    assert does.proof or any(m["kind"] == "Job" for m in does.resources)


def test_its_objects_have_fixed_and_different_names(addon: Addon, context: Make) -> None:
    names = [logical(m) for m in manifests(addon, context(addon))]
    assert len(set(names)) == len(names)
    assert all(m["metadata"]["name"] for m in manifests(addon, context(addon)))


def test_its_workloads_say_whose_they_are(addon: Addon, context: Make) -> None:
    for made in manifests(addon, context(addon)):
        if made["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}:
            labels = made["metadata"].get("labels", {})
            assert labels.get("cnai.dev/addon", addon.name) == addon.name, logical(made)


def test_its_pods_meet_the_restricted_standard(addon: Addon, context: Make) -> None:
    for pod in pods(addon, context(addon)):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            # What a container does not say itself holds for it by its pod.
            security = {**pod.get("securityContext", {}), **container["securityContext"]}
            # A plugin of the kubelet writes where only root may: that alone, and nothing else.
            rooted = addon.privileged and security.get("runAsUser") == 0
            assert rooted or security["runAsNonRoot"] is True
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True


def test_its_containers_ask_for_little_and_memory_is_limited(addon: Addon, context: Make) -> None:
    for pod in pods(addon, context(addon)):
        for container in pod["containers"]:
            if "resources" in container:
                asked = container["resources"]
                assert asked["requests"]["cpu"].endswith("m")
                assert "memory" in asked["limits"]


def test_its_images_are_declared_and_never_floating(addon: Addon, context: Make) -> None:
    ctx = context(addon)
    declared = {ctx.image(name) for name in addon.images}
    used = {c["image"] for pod in pods(addon, ctx) for c in pod["containers"]}
    assert used <= declared
    assert all(re.search(r":[\w.-]+$", ref) and not ref.endswith(":latest") for ref in declared)


def test_no_secret_stands_outside_a_secret(addon: Addon, context: Make) -> None:
    ctx = context(addon)
    shown = [m for m in manifests(addon, ctx) if m["kind"] != "Secret"]
    assert "secret of" not in json.dumps([shown, addon.values(ctx)])
