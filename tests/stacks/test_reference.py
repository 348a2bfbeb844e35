from __future__ import annotations

from components.status import report
from stacks import policy_page, profile_page
from stacks.cli.reference import PAGE, page
from tools.paths import REPO

PARTS = [v for v in vars(report).values() if isinstance(v, type) and issubclass(v, report.Part)]


def test_the_page_of_commands_is_what_the_command_says() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


def test_the_page_of_profiles_is_what_a_stack_gets() -> None:
    assert profile_page.PAGE.read_text() == profile_page.page(), "run `make docs`"


def test_every_field_of_a_status_report_is_on_its_page() -> None:
    text = (REPO / "docs" / "reference" / "status.md").read_text()
    assert report.Status in PARTS
    for part in PARTS:
        for name, field in part.model_fields.items():
            assert f"`{field.alias or name}`" in text, f"{part.__name__}.{name}"


def test_every_rule_is_on_the_page() -> None:
    assert policy_page.PAGE.read_text() == policy_page.page(), "run `make docs`"
    assert policy_page.CONTROLS.read_text() == policy_page.controls(), "run `make docs`"
