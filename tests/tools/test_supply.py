"""One face for both sources: the same names, and what each of them has to do."""

from pathlib import Path

import pytest

from tools import catalog, supply
from tools.errors import ProblemError
from tools.supply import Chart, Mode


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    return tmp_path


def test_a_mode_that_was_said_is_the_mode() -> None:
    assert supply.resolve(Mode.SOURCE) is Mode.SOURCE
    assert supply.resolve(Mode.UPSTREAM) is Mode.UPSTREAM


def test_auto_is_one_of_the_two() -> None:
    assert supply.resolve(Mode.AUTO) in {Mode.SOURCE, Mode.UPSTREAM}


def test_what_is_pulled_from_upstream_needs_nothing_here(empty: Path) -> None:
    supply.ensure(["image:kueue", "chart:kueue"], Mode.UPSTREAM, show=False)
    assert list(empty.iterdir()) == []
    image = supply.image("kueue", Mode.UPSTREAM)
    assert (image.archive, image.digest) == (None, "")
    assert image.ref == supply.image_ref("kueue")


def test_charts_from_upstream_are_references() -> None:
    assert supply.chart("trainer", Mode.UPSTREAM) == Chart(
        "oci://ghcr.io/kubeflow/charts/kubeflow-trainer",
        catalog.load().programs["trainer"].version,
    )


def test_charts_from_source_are_folders(empty: Path) -> None:
    chart = supply.chart("trainer", Mode.SOURCE)
    assert chart.version is None
    assert Path(chart.chart, "Chart.yaml").exists()
    assert Path(chart.chart).is_relative_to(empty)


def test_executables_of_both_sources_have_places_of_their_own() -> None:
    source, upstream = (supply.places(mode) for mode in (Mode.SOURCE, Mode.UPSTREAM))
    assert source["program:kind"] == upstream["program:kind"] != upstream["release:kind"]
    assert "release:kind" not in source


def test_an_executable_is_built_when_it_is_not_there(empty: Path) -> None:
    path = supply.program("pause", Mode.SOURCE)
    assert path.name == "pause"
    assert path.stat().st_mode & 0o111
    # Without a word of how: one that is there is taken.
    assert supply.program("pause") == path


@pytest.mark.parametrize("target", ["image:nobody", "program:nobody", "chart:x", "x:y", "nobody"])
def test_what_is_not_there_is_a_problem(target: str) -> None:
    with pytest.raises(ProblemError, match="CNAI-SUPPLY-008"):
        supply.ensure([target], Mode.SOURCE, show=False)


def test_only_upstream_has_its_language_host() -> None:
    with pytest.raises(ProblemError, match="CNAI-SUPPLY-008"):
        supply.ensure(["program:pulumi-language-python"], Mode.SOURCE, show=False)
    assert catalog.load().release_of("pulumi-language-python")


def test_versions_are_those_of_the_pins() -> None:
    versions = supply.versions()
    assert versions["pulumi"] == catalog.load().programs["pulumi"].version
    assert set(versions) == set(catalog.load().programs)
