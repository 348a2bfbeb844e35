"""The files of the engine's home that need no engine."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools import pulumi_home

COMMITTED = "config:\n  cnai:tier: kind\n"
SALT = "encryptionsalt: v1:abc=:v1:def:ghi=="


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def committed(tmp_path: Path, text: str = COMMITTED) -> Path:
    path = tmp_path / "Pulumi.kind.yaml"
    path.write_text(text)
    return path


def test_a_stack_file_is_the_committed_one_until_there_is_a_salt(
    home: Path, tmp_path: Path
) -> None:
    own = pulumi_home.stack_file("kind", committed(tmp_path))
    assert own == home / "stacks" / "Pulumi.kind.yaml"
    assert own.read_text() == COMMITTED


def test_a_salt_is_kept_and_what_is_committed_wins(home: Path, tmp_path: Path) -> None:
    own = pulumi_home.stack_file("kind", committed(tmp_path))
    own.write_text(f"config:\n  cnai:tier: eks\n{SALT}\n")
    pulumi_home.stack_file("kind", committed(tmp_path))
    assert own.read_text() == f"{COMMITTED}{SALT}\n"


def test_a_committed_salt_stands(home: Path, tmp_path: Path) -> None:
    own = pulumi_home.stack_file("kind", committed(tmp_path))
    own.write_text(f"{SALT}\n")
    pulumi_home.stack_file("kind", committed(tmp_path, f"{COMMITTED}encryptionsalt: v1:other\n"))
    assert "v1:other" in own.read_text()
    assert SALT not in own.read_text()


def test_many_at_once_agree_on_one_passphrase(home: Path) -> None:
    home.mkdir()
    path = home / "passphrase"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pulumi_home.make_passphrase(path), range(32)))
    said = path.read_text()
    assert len(said) > 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pulumi_home.make_passphrase(path)
    assert path.read_text() == said
    assert list(home.iterdir()) == [path], "no draft is left"


def test_logs_are_off_and_can_be_turned_on(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    (logs / "old").mkdir(parents=True)
    pulumi_home.set_logs(logs, wanted=False)
    assert logs.is_file()
    pulumi_home.set_logs(logs, wanted=False)
    assert logs.is_file()
    pulumi_home.set_logs(logs, wanted=True)
    assert not logs.exists(), "the engine makes the folder"
