"""From the policy SDK's proxies to plain Python values.

A rule meets the properties of a resource as proxies: ``isinstance(x, dict)`` is False, and touching
a value that only ``up`` will know raises. :func:`plain` gives builtins, with :data:`UNKNOWN` in the
place of what is not known yet.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from pulumi_policy import proxy
from pulumi_policy.proxy import UnknownValueError


class _Unknown(Enum):
    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown.UNKNOWN
"""A value that is not known during preview."""
UNKNOWN_TEXTS = frozenset(
    (
        proxy.UNKNOWN_BOOLEAN_VALUE,
        proxy.UNKNOWN_NUMBER_VALUE,
        proxy.UNKNOWN_STRING_VALUE,
        proxy.UNKNOWN_ARRAY_VALUE,
        proxy.UNKNOWN_ASSET_VALUE,
        proxy.UNKNOWN_ARCHIVE_VALUE,
        proxy.UNKNOWN_OBJECT_VALUE,
    )
)
"""What the engine writes in the place of such values, by their type."""


def plain(value: Any) -> Any:
    """Return ``value`` as dicts, lists and scalars; unknown leaves become :data:`UNKNOWN`.

    Keys of a mapping are always known; reading one of its values may raise, and then that value is
    the unknown one.
    """
    if hasattr(value, "keys"):
        return {key: _read(value, key) for key in list(iter(value))}
    if value is None or isinstance(value, str | bytes | int | float | bool):
        return value
    if hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        return [_read(value, index) for index in range(len(value))]
    return value


def _read(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
