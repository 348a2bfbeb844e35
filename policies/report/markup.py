"""HTML by plain functions. Whatever is not markup already is escaped on its way into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


VOID = frozenset(("br", "input", "meta"))
"""Elements with nothing in them and no end."""


def el(tag: str, /, *inside: str | None, **attributes: str | int | bool | None) -> Markup:
    """Return an element; a part that is None is none.

    An attribute that is None or False is left out, and one that is True has no value. Underlines
    stand for hyphens; one at the end is for names that Python keeps: ``class_``.
    """
    said = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{whole(*inside)}</{tag}>")


def whole(*parts: str | None) -> Markup:
    """Return parts one after another."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts if p))


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def table(columns: Sequence[str], rows: Iterable[Markup], **attributes: str) -> Markup:
    """Return a table, with its ``caption`` when it is given one.

    On a phone its rows are blocks; the roles keep what a table is for those who hear it.
    """
    caption = attributes.pop("caption", None)
    head = row(*(el("th", name, scope="col", role="columnheader") for name in columns))
    return el(
        "table",
        el("caption", caption) if caption else None,
        el("thead", head, role="rowgroup"),
        el("tbody", *rows, role="rowgroup"),
        role="table",
        **attributes,
    )


def row(*cells: Markup, **attributes: str) -> Markup:
    """Return a row of a table."""
    return el("tr", *cells, role="row", **attributes)


def cell(*inside: str | None, **attributes: str | int) -> Markup:
    """Return a cell of a table."""
    return el("td", *inside, role="cell", **attributes)


def named(*inside: str | None) -> Markup:
    """Return the cell that names its row."""
    return el("th", *inside, scope="row", role="rowheader")
