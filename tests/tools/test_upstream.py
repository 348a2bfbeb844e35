"""Downloads over real HTTP, from a server on this machine: good, altered, incomplete, absent."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import builder, upstream
from tools.catalog import Release
from tools.errors import ProblemError

PROGRAM = b"#!/bin/sh\necho it runs\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def release(base: str, file: str, members: dict[str, str] | None = None) -> Release:
    return Release("x", f"{base}/{file}", f"{base}/SUMS", members or {"x": ""})


def packed(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_program_that_is_what_was_posted_is_taken(
    site: tuple[Path, str], tmp_path: Path, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = site
    archive = packed("dir/x", PROGRAM)
    (folder / "x.tar.gz").write_bytes(archive)
    (folder / "SUMS").write_text(f"{hashlib.new(algorithm, archive).hexdigest()}  x.tar.gz\n")
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    wanted = upstream.target(release(base, "x.tar.gz", {"x": "dir/x"}))
    (made,) = builder.build([wanted]).artifacts.values()
    assert [path.name for path in made.iterdir()] == ["x"]
    assert (made / "x").read_bytes() == PROGRAM
    assert (made / "x").stat().st_mode & 0o777 == 0o755


def test_a_file_that_is_the_program_needs_no_archive(
    site: tuple[Path, str], tmp_path: Path
) -> None:
    folder, base = site
    (folder / "x").write_bytes(PROGRAM)
    (folder / "SUMS").write_text(hashlib.sha256(PROGRAM).hexdigest())
    upstream.fetch(release(base, "x"), tmp_path)
    assert (tmp_path / "x").read_bytes() == PROGRAM


@pytest.mark.parametrize(
    ("sums", "members"),
    [
        (f"{'0' * 64}  x.tar.gz\n", {"x": "x"}),
        ("no checksum at all\n", {"x": "x"}),
        (f"{hashlib.sha256(b'').hexdigest()}  other.tar.gz\n", {"x": "x"}),
        ("{good}  x.tar.gz\n", {"x": "elsewhere/x"}),
    ],
)
def test_what_is_not_as_posted_is_refused_and_not_kept(
    site: tuple[Path, str], tmp_path: Path, sums: str, members: dict[str, str]
) -> None:
    folder, base = site
    archive = packed("x", PROGRAM)
    (folder / "x.tar.gz").write_bytes(archive)
    (folder / "SUMS").write_text(sums.replace("{good}", hashlib.sha256(archive).hexdigest()))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ProblemError) as caught:
        upstream.fetch(release(base, "x.tar.gz", members), out)
    (problem,) = caught.value.problems
    assert problem.id == "CNAI-SUPPLY-003"
    assert base in problem.why
    assert not (out / "x").exists()


def test_a_file_that_is_not_there_is_a_problem_of_its_own(
    site: tuple[Path, str], tmp_path: Path
) -> None:
    with pytest.raises(ProblemError, match="404") as caught:
        upstream.fetch(release(site[1], "x"), tmp_path)
    assert caught.value.problems[0].id == "CNAI-SUPPLY-002"


def test_reachable_is_what_answers_well(site: tuple[Path, str]) -> None:
    folder, base = site
    (folder / "v2").mkdir()
    assert upstream.reachable(f"{base}/v2/")
    assert not upstream.reachable(f"{base}/v3/")
    assert not upstream.reachable("http://127.0.0.1:9/")


def test_checksum_files_of_all_kinds_are_read() -> None:
    first, second = "a" * 64, "B" * 64
    assert upstream.checksum_of("x", f"{first}  x\n{second}  y\n") == first
    assert upstream.checksum_of("y", f"{first}  x\n{second} *./dir/y\n") == second.lower()
    assert upstream.checksum_of("x", f"{first}\n") == first
    assert upstream.checksum_of("z", f"{first}  x\n") is None
    assert upstream.checksum_of("x", "") is None
