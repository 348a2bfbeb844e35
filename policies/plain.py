"""From the policy SDK's proxies to plain Python values.

A rule meets the properties of a resource as proxies: ``isinstance(x, dict)`` is False, and touching
a value that only ``up`` will know raises. :func:`plain` gives builtins, with :data:`UNKNOWN` in the
place of what is not known yet.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from pulumi_policy.proxy import UnknownValueError


class _Unknown(Enum):
    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown.UNKNOWN
"""A value that is not known during preview."""


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
