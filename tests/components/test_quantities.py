from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from components.quantities import BINARY, DECIMAL, canonical


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("4096Gi", "4Ti"),
        ("1500m", "1500m"),
        ("2000m", "2"),
        ("0.5", "500m"),
        ("1.5Gi", "1536Mi"),
        ("1000", "1k"),
        ("512Ki", "512Ki"),
        ("0.5Ki", "512"),
        ("0", "0"),
        ("0Gi", "0"),
        (16, "16"),
    ],
)
def test_a_quantity_is_written_as_the_server_keeps_it(said: str | int, kept: str) -> None:
    assert canonical(said) == kept


@given(st.integers(0, 10**7), st.sampled_from([*BINARY, *DECIMAL[2:8]]))
def test_the_form_changes_and_the_amount_does_not(number: int, suffix: str) -> None:
    said = f"{number}{suffix}"
    kept = canonical(said)
    assert parse_quantity(kept) == parse_quantity(said)
    assert canonical(kept) == kept


@pytest.mark.parametrize("said", ["two", "", "1 Gi", "-1", "1KiB", "0.0000000001"])
def test_what_is_no_quantity_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"is no quantity|finer than"):
        canonical(said)
