from __future__ import annotations

from pathlib import Path

import pytest

from stacks.cli import sboms
from tools import sbom, supply
from tools.errors import ProblemError
from tools.supply import Mode


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    return tmp_path


def test_what_can_have_a_bill_is_all_that_is_made_here() -> None:
    known = sboms.subjects()
    assert {"program:kueue", "image:kueue", "image:mlflow", sbom.NODE} < set(known)
    # Nobody makes it here: nodes pull it.
    assert "image:grafana" not in known
    assert known["image:kueue"] == supply.places(Mode.SOURCE)["image:kueue"]


def test_what_is_not_in_the_catalogue_is_a_problem(empty: Path) -> None:
    with pytest.raises(ProblemError, match="nothing called kueue"):
        sboms.write(["kueue"], None)
    assert list(empty.iterdir()) == []


def test_where_nothing_is_built_there_is_nothing_to_list(empty: Path) -> None:
    with pytest.raises(ProblemError, match="CNAI-SUPPLY-011"):
        sboms.write([], empty / "out")
    assert not (empty / "out").exists()
