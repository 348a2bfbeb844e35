"""Charts out of modules: Helm accepts the copy, and all else is as upstream wrote it."""

from pathlib import Path

import pytest
import yaml

from tools import catalog, charts, go

CHART = """apiVersion: v2
name: x
version: 1.0.0
dependencies:
- name: held
  repository: oci://example/charts
  version: 1.0.0
- name: missing
  version: 2.0.0
  condition: missing.install

keywords:
- one
"""


def test_only_the_missing_dependencies_are_dropped() -> None:
    text = charts.without_dependencies(CHART, {"held"})
    assert [d["name"] for d in yaml.safe_load(text)["dependencies"]] == ["held"]
    assert yaml.safe_load(text)["keywords"] == ["one"]


def test_an_archive_counts_as_held() -> None:
    text = charts.without_dependencies(CHART, {"missing-2.0.0.tgz"})
    assert [d["name"] for d in yaml.safe_load(text)["dependencies"]] == ["missing"]


def test_an_empty_list_goes_too() -> None:
    whole = yaml.safe_load(charts.without_dependencies(CHART, set()))
    assert whole == {"apiVersion": "v2", "name": "x", "version": "1.0.0", "keywords": ["one"]}


def test_a_chart_without_dependencies_stays_as_it_is() -> None:
    text = "apiVersion: v2\nname: x # a note\n\nversion: 1.0.0\n"
    assert charts.without_dependencies(text, set()) == text


@pytest.mark.parametrize(
    "spec",
    [spec for spec in catalog.load().charts.values() if spec.program],
    ids=lambda spec: spec.name,
)
def test_the_charts_of_the_catalogue_are_in_their_modules(
    spec: catalog.ChartSpec, tmp_path: Path
) -> None:
    assert spec.program
    source = go.module_dir(catalog.load().programs[spec.program]) / spec.path
    charts.copy(source, tmp_path / "copy")
    described = yaml.safe_load((tmp_path / "copy/Chart.yaml").read_text())
    # Some write a chart's version only when they publish it, and name the program's meanwhile.
    named = str(described.get("appVersion", "")).removeprefix("v")
    assert spec.version in {described["version"], named}
    # Helm refuses a chart that names a dependency which is not there.
    held = {path.name for path in (tmp_path / "copy" / "charts").glob("*")}
    assert {needed["name"] for needed in described.get("dependencies", [])} <= held
    original = {path.relative_to(source) for path in source.rglob("*")}
    assert {path.relative_to(tmp_path / "copy") for path in (tmp_path / "copy").rglob("*")} == (
        original
    )
    # The module cache is read-only; a copy that is could not be removed again.
    assert all(path.stat().st_mode & 0o200 for path in (tmp_path / "copy").rglob("*"))
