"""What is written into a new system stays in it, and what the machine left there is removed."""

import os
from pathlib import Path

import pytest

from tools import builder, catalog, debian
from tools.archive import Entry, write_layer


def test_no_path_leads_out_of_a_new_system(tmp_path: Path) -> None:
    root, machine = tmp_path / "root", tmp_path / "machine"
    (root / "etc").mkdir(parents=True)
    machine.mkdir()
    (root / "run").symlink_to(machine)
    (root / "etc/inner").symlink_to("../etc")
    assert debian.inside(root, "/etc/x") == root / "etc/x"
    assert debian.inside(root, "etc/inner/x").parent.resolve() == root / "etc"
    with pytest.raises(ValueError, match="leads out"):
        debian.inside(root, "run/postgresql/x")


def test_cleaning_keeps_what_belongs_to_the_system(tmp_path: Path) -> None:
    for name in (
        "dev/null", "var/cache/apt/pkgcache.bin", "var/log/dpkg.log", "etc/resolv.conf",
        "etc/apt/sources.list", "usr/share/doc/x/changelog", "usr/share/man/man1/x.1",
        "usr/share/doc/x/copyright", "etc/passwd", "etc/passwd-",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    debian.clean(tmp_path)
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"usr/share/doc/x/copyright", "etc/passwd"}
    assert (tmp_path / "dev").is_dir()


def test_cleaning_does_not_follow_a_link_to_the_machine(tmp_path: Path) -> None:
    root, machine = tmp_path / "root", tmp_path / "machine"
    machine.mkdir()
    (machine / "kept").write_text("x")
    root.mkdir()
    (root / "var").symlink_to(machine)
    (machine / "tmp").mkdir()
    (machine / "tmp/kept").write_text("x")
    with pytest.raises(ValueError, match="leads out"):
        debian.clean(root)
    assert (machine / "tmp/kept").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="owners are kept by root only")
def test_layers_lie_one_upon_the_other(tmp_path: Path) -> None:
    low, high = tmp_path / "low.tar", tmp_path / "high.tar"
    write_layer(
        low, [Entry("a/old", 0o644, b"1"), Entry("b/c/d", 0o644, b"1"), Entry("e", 0o644, b"1")]
    )
    write_layer(high, [Entry("a/.wh.old", 0o644, b""), Entry("b/.wh.c", 0o644, b"")])
    root = tmp_path / "root"
    debian.unpack([low, high], root, tmp_path / "log")
    assert {str(p.relative_to(root)) for p in root.rglob("*")} == {"a", "b", "e"}


def test_a_system_is_known_by_its_packages_in_any_order() -> None:
    first = debian.rootfs_targets(("systemd", "runc"))
    second = debian.rootfs_targets(("runc", "systemd", "runc"))
    other = debian.rootfs_targets(("systemd",))
    places = [builder.places(targets)[targets[-1].name] for targets in (first, second, other)]
    assert places[0] == places[1] != places[2]


def test_it_lies_upon_the_same_base_as_the_images() -> None:
    base, whole = debian.rootfs_targets(("systemd",))
    known = catalog.load()
    assert base in debian.targets(known.layers.values(), known.suite)
    assert whole.needs == (base.name,)
