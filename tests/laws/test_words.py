"""Words that must not be written, and those that must."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from tests.laws.tree import files, text
from tests.live.tenants import page as isolation
from tools.error_page import PAGE, page, raised

LEGACY_KYVERNO = re.compile(r"(?<!policies\.)" + re.escape("kyverno.io/v") + r"\d")


def test_kyverno_speaks_its_current_language_only() -> None:
    assert not [path for path in files() if LEGACY_KYVERNO.search(text(path))]


def test_an_error_id_has_one_meaning() -> None:
    for id_, group in groupby(raised(), key=lambda problem: problem.id):
        meanings = {problem.what for problem in group}
        assert len(meanings) == 1, f"{id_} means several things: {meanings}"


def test_an_error_is_found_by_whatever_name_its_parts_have(tmp_path: Path) -> None:
    program = """
LEFT = "CNAI-XXX-001"

def problem():
    why = "it stayed"
    return Problem(LEFT, "it is there", why, "take it away", exit_code=4)
"""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "x.py").write_text(program)
    (found,) = raised(tmp_path)
    assert (found.id, found.why, found.exit_code) == ("CNAI-XXX-001", "it stayed", "4")


def test_every_error_says_why_and_what_mends_it() -> None:
    for problem in raised():
        assert problem.what, problem
        assert problem.why, problem
        assert problem.fix, problem


def test_every_error_is_on_the_page() -> None:
    shown = PAGE.read_text()
    missing = {problem.id for problem in raised() if f"## {problem.id}\n" not in shown}
    assert not missing, "run `make docs`"
    assert shown == page(raised()), "run `make docs`"


def test_the_page_of_who_may_do_what_is_what_the_tests_ask() -> None:
    assert isolation.PAGE.read_text() == isolation.page(), "run `make docs`"
