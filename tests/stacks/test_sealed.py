from __future__ import annotations

import pytest

from stacks import sealed, stack_files
from tools.errors import ProblemError

TEXT = """\
config:
  cnai:addons:
    prometheus: {webhook: {secure: v1:abc:def}, retention: 6h}
  aws:secretKey: {secure: v1:xyz:uvw}
"""


def test_a_secret_is_closed_to_whoever_reads_the_file() -> None:
    said = stack_files.parsed(TEXT)
    assert said["addons"]["prometheus"] == {"webhook": sealed.CLOSED, "retention": "6h"}


def test_every_encrypted_text_is_found_by_its_path() -> None:
    config = {
        "cnai:a": {"b": {"secure": "v1:x"}, "c": "plain"},
        "aws:secretKey": {"secure": "v1:y"},
    }
    assert list(sealed.encrypted(config)) == ["cnai:a.b", "aws:secretKey"]


def test_a_platform_is_not_made_with_the_secret_of_another_stack() -> None:
    with pytest.raises(ProblemError) as error:
        sealed.all_open("vision-kind", stack_files.parsed(TEXT))
    (problem,) = error.value.problems
    assert problem.id == "CNAI-CONFIG-006"
    assert "cnai:addons.prometheus.webhook" in problem.what
    sealed.all_open("kind", {"addons": {"prometheus": {"webhook": "https://example.org"}}})
