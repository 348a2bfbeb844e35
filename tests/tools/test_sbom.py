"""Laws of bills of materials: nothing is made here without one. What is in them: tests/live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools import catalog, graph, node_image, sbom, supply
from tools.supply import Mode

KNOWN = catalog.load()
MADE = {image.name: image for image in KNOWN.images.values() if image.made}


def below(layer: str | None) -> Iterator[str]:
    """A layer and those that it lies on."""
    while layer:
        yield layer
        layer = KNOWN.layers[layer].on if layer in KNOWN.layers else None


@pytest.mark.parametrize("mode", [Mode.SOURCE, Mode.UPSTREAM])
def test_every_program_and_every_image_that_is_made_here_has_a_bill(mode: Mode) -> None:
    places = supply.places(mode)
    subjects = [name for name in places if name.startswith(("program:", "image:"))]
    assert {f"image:{name}" for name in MADE} < set(subjects)
    for name in subjects:
        assert sbom.target_of(name) in places, name
        supply.ensure([], mode, show=False)


def test_every_layer_is_in_an_image_and_so_in_its_bill() -> None:
    held = {layer for image in MADE.values() for layer in below(image.on)}
    assert set(KNOWN.layers) <= held
    wheels = {image.wheels for image in MADE.values() if image.wheels}
    assert {path.parent.name for path in catalog.TOOLS.glob("python/*/requirements.lock")} == wheels


def test_the_system_of_a_node_has_a_bill() -> None:
    *_, system, bill = sbom.node_targets(node_image.PACKAGES)
    assert bill.name == sbom.target_of(sbom.NODE)
    assert set(bill.needs) == {system.name, sbom.TRIVY}


def test_a_bill_is_made_again_when_its_subject_is_another_or_is_looked_at_otherwise() -> None:
    targets = {target.name: target for target in sbom.targets(KNOWN)}
    wanted = targets["sbom:image-kueue"]
    assert set(wanted.needs) == {"image:kueue", sbom.TRIVY}
    keys = {"image:kueue": "a", sbom.TRIVY: "b"}
    first = graph.key(wanted, keys)
    assert graph.key(wanted, {**keys, "image:kueue": "c"}) != first
    assert graph.key(wanted, {**keys, sbom.TRIVY: "c"}) != first


def test_trivy_has_a_bill_too() -> None:
    (own,) = [target for target in sbom.targets(KNOWN) if target.name == "sbom:program-trivy"]
    assert own.needs == (sbom.TRIVY,)


def test_a_bill_says_what_it_is_of_and_names_no_place_of_a_machine() -> None:
    report = sbom.tidied({"ArtifactName": "/home/me/x.tar"}, "cnai.dev/app")
    assert report == {"ArtifactName": "cnai.dev/app", "Results": []}
    bill = {"metadata": {"component": {"name": "cnai.dev/app", "type": "container"}, "tools": {}}}
    about = {"name": "cnai.dev/app", "version": "1.2.3"}
    assert sbom.described(bill, about)["metadata"] == {
        "component": {"name": "cnai.dev/app", "version": "1.2.3", "type": "container"},
        "tools": {},
    }


def test_what_is_listed_twice_is_in_a_bill_once() -> None:
    """The standard says so, and wheels with a list of their own would break it."""
    one = {"Name": "a", "Version": "1", "Identifier": {"PURL": "pkg:pypi/a@1", "UID": "1"}}
    again = {**one, "Identifier": {"PURL": "pkg:pypi/a@1", "UID": "2"}}
    elsewhere = {**one, "FilePath": "other"}
    listed = {"Target": "Python", "Packages": [one, again, elsewhere]}
    (result, empty) = sbom.tidied({"Results": [listed, {"Target": "none"}]}, "x")["Results"]
    assert len(result["Packages"]) == 2
    assert empty == {"Target": "none"}


def test_a_file_that_packages_were_found_in_is_no_package() -> None:
    bill = {
        "components": [
            {"name": "usr/bin/app", "type": "application"},
            {"name": "urllib3", "version": "2.0", "purl": "pkg:pypi/urllib3@2.0"},
            {"name": "core", "group": "@babel", "version": "7", "purl": "pkg:npm/%40babel/core@7"},
        ]
    }
    assert sbom.components(bill) == {("urllib3", "2.0"), ("@babel/core", "7")}
    assert sbom.components({}) == set()
