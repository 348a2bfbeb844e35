"""Images of the catalogue: what they lie upon, and that those in the cache are what they say."""

import json
import tarfile

import pytest

from tools import archive, catalog, image, supply
from tools.supply import Mode

KNOWN = catalog.load()
TARGETS = {target.name: target for target in image.targets(KNOWN)}
MADE = [name for name, spec in KNOWN.images.items() if spec.made]
CACHED = [name for name in MADE if supply.places(Mode.SOURCE)[f"image:{name}"].exists()]


def test_an_image_needs_its_layers_from_the_lowest_and_its_program() -> None:
    assert TARGETS["image:kueue"].needs == ("layer:static", "program:kueue")
    assert TARGETS["image:pause"].needs == ("program:pause",)
    assert TARGETS["image:mlflow"].needs == (
        "layer:debian",
        "layer:debian-python",
        "layer:wheels-mlflow",
    )


def test_static_programs_need_no_distribution() -> None:
    assert TARGETS["layer:static"].needs == ()


@pytest.mark.parametrize("name", CACHED)
def test_an_image_in_the_cache_is_what_the_catalogue_says(name: str) -> None:
    spec = KNOWN.images[name]
    found = supply.image(name, Mode.SOURCE)
    assert found.archive is not None
    assert found.digest == archive.image_id(found.archive)
    with tarfile.open(found.archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("not a file"))
        config = json.load(tar.extractfile(manifest[0]["Config"]) or pytest.fail("not a file"))
    assert manifest[0]["RepoTags"] == [spec.ref] == [supply.image_ref(name)]
    assert config["config"].get("Entrypoint") == spec.config.get("Entrypoint")
    assert config["config"].get("User") == spec.config.get("User")
    assert any(variable.startswith("PATH=") for variable in config["config"]["Env"])


def test_images_upon_one_base_share_it() -> None:
    def lowest(name: str) -> str:
        archive_ = supply.image(name, Mode.SOURCE).archive
        assert archive_ is not None
        with tarfile.open(archive_) as tar:
            manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("not a file"))
        return str(manifest[0]["Layers"][0])

    for names in (("kueue", "jobset", "trainer"), ("mlflow", "trainer-jax", "postgres")):
        if set(names) <= set(CACHED):
            assert len({lowest(name) for name in names}) == 1
