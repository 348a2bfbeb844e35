"""Archives depend on their content alone, and images are what the engines' format asks for."""

import hashlib
import json
import os
import socket
import tarfile
from pathlib import Path

import pytest

from tools import archive
from tools.archive import Entry


def tree(root: Path) -> Path:
    (root / "etc").mkdir(parents=True)
    (root / "etc/name").write_text("here\n")
    (root / "bin").mkdir()
    (root / "bin/sh").write_bytes(b"#!\n")
    (root / "bin/sh").chmod(0o755)
    os.link(root / "bin/sh", root / "bin/zsh")
    (root / "lib").symlink_to("bin")
    return root


def test_same_files_give_the_same_bytes_whatever_their_times(tmp_path: Path) -> None:
    first, second = tree(tmp_path / "a"), tree(tmp_path / "b")
    os.utime(second / "etc/name", (1, 1))
    archive.write_tree(tmp_path / "a.tar", first)
    archive.write_tree(tmp_path / "b.tar", second)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_tree_keeps_modes_links_and_hard_links(tmp_path: Path) -> None:
    archive.write_tree(tmp_path / "t.tar", tree(tmp_path / "a"), owner=(7, 8))
    with tarfile.open(tmp_path / "t.tar") as tar:
        members = {member.name: member for member in tar}
    assert list(members) == ["bin", "bin/sh", "bin/zsh", "etc", "etc/name", "lib"]
    assert members["bin/sh"].mode == 0o755
    assert members["bin/zsh"].islnk()
    assert members["lib"].linkname == "bin"
    assert {(m.uid, m.gid, m.mtime, m.uname) for m in members.values()} == {(7, 8, 0, "")}


def test_sockets_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "a"
    root.mkdir()
    monkeypatch.chdir(root)  # the path of a socket has a limit
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door")
        archive.write_tree(tmp_path / "t.tar", root)
    with tarfile.open(tmp_path / "t.tar") as tar:
        assert tar.getnames() == []


def test_a_layer_has_the_parents_that_its_files_imply(tmp_path: Path) -> None:
    entries = [Entry("/usr/bin/x", 0o755, b"1"), Entry("tmp", 0o1777), Entry("y", link="usr")]
    archive.write_layer(tmp_path / "one.tar", entries)
    archive.write_layer(tmp_path / "two.tar", reversed(entries))
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        assert tar.getnames() == ["tmp", "usr", "usr/bin", "usr/bin/x", "y"]
        assert tar.getmember("tmp").mode == 0o1777
        assert tar.getmember("y").linkname == "usr"


def test_what_changed_is_found_with_its_parents_and_what_is_gone_at_its_root(
    tmp_path: Path,
) -> None:
    root = tree(tmp_path / "a")
    (root / "old/inner").mkdir(parents=True)
    (root / "old/inner/file").write_text("x")
    before = archive.snapshot(root)
    (root / "etc/new").mkdir()
    (root / "etc/new/file").write_text("x")
    (root / "old/inner/file").unlink()
    (root / "old/inner").rmdir()
    (root / "old").rmdir()
    changed, gone = archive.difference(before, archive.snapshot(root))
    assert changed == ["etc", "etc/new", "etc/new/file"]
    assert gone == ["old"]
    archive.write_tree(tmp_path / "d.tar", root, only=changed, gone=gone)
    with tarfile.open(tmp_path / "d.tar") as tar:
        assert tar.getnames() == [".wh.old", "etc", "etc/new", "etc/new/file"]


def test_an_image_names_its_configuration_and_layers_by_their_hashes(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    archive.write_layer(layer, [Entry("a", 0o644, b"1")])
    target = tmp_path / "image.tar"
    config = {"Entrypoint": ["/a"], "User": "65532:65532"}
    identity = archive.write_image(target, "example/a:v1", config, [layer, layer], "amd64")
    with tarfile.open(target) as tar:
        names = tar.getnames()
        contents = {n: (tar.extractfile(n) or pytest.fail("not a file")).read() for n in names}
    (manifest,) = json.loads(contents["manifest.json"])
    assert manifest["RepoTags"] == ["example/a:v1"]
    document = contents[manifest["Config"]]
    assert identity == f"sha256:{hashlib.sha256(document).hexdigest()}" == archive.image_id(target)
    described = json.loads(document)
    assert described["config"] == config
    assert [
        f"sha256:{hashlib.sha256(contents[path]).hexdigest()}" for path in manifest["Layers"]
    ] == described["rootfs"]["diff_ids"]
    # Twice the same layer is written once.
    assert len(names) == len(set(names)) == 3
