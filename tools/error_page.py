"""The page of all errors, made from the places in the code that raise them.

``python -m tools.error_page`` writes docs/reference/errors.md. What an error says is a template in
the code; the page shows it with ``{name}`` in the place of what is filled in.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tools.paths import REPO

PAGE = REPO / "docs" / "reference" / "errors.md"
ROOMS = ("addons", "components", "policies", "stacks", "tools")
ID = re.compile(r"CNAI-[A-Z]+-\d{3}")
FIELDS = ("id", "what", "why", "fix", "exit_code")

HEAD = """\
# Errors

Every error has an id that is never used for another, says what happened, why, and what mends it.
Exit codes: 1 error, 2 configuration or a check before the start, 3 authentication, 4 resource,
5 policy, 6 no such stack, 7 no changes, 8 cancelled, 9 timeout.

This page is made from the code by `make docs`.
"""


@dataclass(frozen=True, order=True)
class Raised:
    """One place that makes a problem: its texts as templates."""

    id: str
    place: str
    what: str
    why: str
    fix: str
    exit_code: str


def raised(root: Path = REPO) -> list[Raised]:
    """Return every place below the rooms of ``root`` that makes a problem, by id."""
    found: list[Raised] = []
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            found += _in_python(ast.parse(path.read_text()), path.relative_to(root).as_posix())
        for path in sorted((root / room).rglob("*.sh")):
            found += _in_shell(path.read_text(), path.relative_to(root).as_posix())
    return sorted(found)


def page(problems: list[Raised]) -> str:
    """Return the page, a section for each id."""
    sections = [HEAD]
    for id_, group in groupby(problems, key=lambda p: p.id):
        sections.append(f"## {id_}\n")
        for problem in group:
            sections += [_sentence(problem.what), _reasons(problem)]
    return "\n".join(sections)


def _in_python(tree: ast.Module, place: str) -> Iterator[Raised]:
    shared = dict(_assigned(tree))
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef | ast.Module):
            continue
        known = {**shared, **dict(_assigned(scope))}
        for node in _own(scope):
            if isinstance(node, ast.Call) and _name(node.func) == "Problem":
                given: dict[str, ast.expr] = dict(zip(FIELDS, node.args, strict=False))
                given |= {k.arg: k.value for k in node.keywords if k.arg}
                texts = {name: _template(value, known) for name, value in given.items()}
                if ID.fullmatch(texts.get("id", "")):
                    yield Raised(**{"place": place, "exit_code": "1", **texts})


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _own(child)


def _assigned(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in _own(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _template(node: ast.expr, known: dict[str, ast.expr]) -> str:
    """Text of an expression: literal parts as they are, the rest as ``{name}``."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(_template(part, {}) for part in node.values)
        case ast.FormattedValue():
            return _template(node.value, {})
        case ast.BinOp(op=ast.Add()):
            return _template(node.left, known) + _template(node.right, known)
        case ast.IfExp():
            return f"{_template(node.body, known)} (or: {_template(node.orelse, known)})"
        case ast.Name() if node.id in known:
            return _template(known[node.id], {})
    return f"{{{_name(node)}}}"


def _name(node: ast.AST) -> str:
    """Return the word that tells a reader most about an expression."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call() if node.args and _name(node.func) in ("join", "str", "repr", "sorted"):
            return _name(node.args[0])
        case ast.Call():
            return _name(node.func)
        case ast.Subscript() | ast.Starred():
            return _name(node.value)
        case ast.GeneratorExp() | ast.ListComp():
            return _name(node.generators[0].iter)
    return "…"


def _in_shell(text: str, place: str) -> Iterator[Raised]:
    for call in re.finditer(r"\bproblem (CNAI-(?:[^\\\n]|\\\n|\\.)*)", text):
        words = shlex.split(re.sub(r"\$(\([^)]*\)|\{?\w+\}?)", "{…}", call[1].replace("\\\n", "")))
        id_, what, why, fix, exit_code = words[: len(FIELDS)]
        yield Raised(id_, place, what, why, fix, exit_code)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}.\n"


def _reasons(problem: Raised) -> str:
    return (
        f"- Why: {problem.why}\n- Fix: {problem.fix}\n"
        f"- Exit code {problem.exit_code}; raised in `{problem.place}`\n"
    )


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(raised()))


if __name__ == "__main__":
    main()
