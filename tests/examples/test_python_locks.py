"""The wheels of the Python images: pinned, hashed, and the same version where they must be."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tools.paths import REPO

LOCKS = sorted((REPO / "tools" / "python").glob("*/requirements.lock"))
PIN = re.compile(
    r"^([a-z0-9-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def pins(lock: Path) -> dict[str, str]:
    return {name: version for name, version, _ in PIN.findall(lock.read_text())}


def names(listed: Path) -> set[str]:
    lines = (line.split("#")[0].strip() for line in listed.read_text().splitlines())
    return {re.split(r"[=<>\[; ]", line)[0] for line in lines if line}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_every_wheel_has_a_version_and_a_hash_and_no_address(lock: Path) -> None:
    lines = [line for line in lock.read_text().splitlines() if line and line[0] not in " #"]
    assert len(lines) == len(pins(lock)) > 10
    assert "://" not in lock.read_text()
    assert "--index" not in lock.read_text()
    assert names(lock.with_name("requirements.in")) <= set(pins(lock))


def test_what_the_server_does_not_need_is_not_in_it() -> None:
    folder = REPO / "tools" / "python" / "mlflow"
    assert not names(folder / "excluded.txt") & set(pins(folder / "requirements.lock"))


def test_server_client_and_pin_are_one_version() -> None:
    server = pins(REPO / "tools" / "python" / "mlflow" / "requirements.lock")
    pod = pins(REPO / "tools" / "python" / "trainer-jax" / "requirements.lock")
    pinned = tomllib.loads((REPO / "addons" / "versions.toml").read_text())["mlflow"]["version"]
    assert server["mlflow"] == server["mlflow-skinny"] == pod["mlflow-skinny"] == pinned
