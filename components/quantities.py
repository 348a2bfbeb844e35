"""Kubernetes quantities in their canonical form.

The API server rewrites a quantity (``4096Gi`` becomes ``4Ti``, ``16`` the text ``"16"``), and what
is written otherwise shows as a change ever after. Source: the serialization rules of
``k8s.io/apimachinery/pkg/api/resource.Quantity``.
"""

from __future__ import annotations

import re
from decimal import Decimal

BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
NO_SUFFIX = DECIMAL.index("")
FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?)")


def canonical(quantity: str | int) -> str:
    """Return the form that the API server keeps: no fraction, the largest suffix that allows it.

    Raises ValueError for what is no quantity, or is finer than a billionth.
    """
    found = FORM.fullmatch(str(quantity))
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity, as 500m, 2 or 4Gi are")
    number, suffix = Decimal(found[1]), found[2]
    if suffix in BINARY[1:]:
        value = number * 1024 ** BINARY.index(suffix)
        if value == value.to_integral() and value >= 1024:  # noqa: PLR2004
            return _largest(int(value), 1024, BINARY)
        suffix, number = "", value
    billionths = number * 1000 ** DECIMAL.index(suffix)
    if billionths != billionths.to_integral():
        raise ValueError(f"{quantity!r} is finer than a billionth")
    return _largest(int(billionths), 1000, DECIMAL)


def amount(quantity: str | int) -> Decimal:
    """Return a quantity as a number in its own unit: cores, bytes, pieces.

    Raises ValueError for what is no quantity.
    """
    found = FORM.fullmatch(str(quantity))
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity, as 500m, 2 or 4Gi are")
    number, suffix = Decimal(found[1]), found[2]
    if suffix in BINARY[1:]:
        return number * Decimal(1024) ** BINARY.index(suffix)
    return number * Decimal(1000) ** (DECIMAL.index(suffix) - NO_SUFFIX)


def _largest(count: int, step: int, suffixes: tuple[str, ...]) -> str:
    if count == 0:
        return "0"
    place = 0
    while count % step == 0 and place + 1 < len(suffixes):
        count, place = count // step, place + 1
    return f"{count}{suffixes[place]}"
