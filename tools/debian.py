"""Debian systems as layers: a minimal one, and what packages add to it.

Nothing of the machine's own goes into a layer: neither its mirror nor its resolver nor its name.
Commands run in the new system in mount and process namespaces of their own, so a kill leaves
neither mounts nor processes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tools import apt, archive, builder, command, progress
from tools.catalog import Layer, load
from tools.graph import Target, Workplace

_RECIPE = 3
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NONROOT = 65532
# Passwords last changed on 2000-01-01: otherwise the day of the build is in /etc/shadow.
_ENV = {
    "DEBIAN_FRONTEND": "noninteractive",
    "LC_ALL": "C.UTF-8",
    "SOURCE_DATE_EPOCH": "946684800",
    "PYTHONHASHSEED": "0",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
}
_DPKG = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/lintian/*
path-exclude=/usr/share/locale/*
"""
# What the machine or the clock leaves in a system, and what no container reads.
_EMPTIED = (
    "dev", "run", "tmp", "var/tmp", "var/cache/apt", "var/lib/apt/lists", "var/cache/ldconfig",
    "usr/share/man", "usr/share/info", "usr/share/lintian", "usr/share/locale",
)  # fmt: skip
_REMOVED = (
    "etc/apt/sources.list", "etc/apt/apt.conf.d/99host", "etc/apt/host.crt", "etc/resolv.conf",
    "etc/hostname", "etc/machine-id", "usr/sbin/policy-rc.d", "var/lib/systemd/random-seed",
    "var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old", "var/lib/dpkg/statoverride-old",
    "var/cache/debconf/templates.dat-old", "var/cache/debconf/config.dat-old", "etc/passwd-",
    "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
    "etc/dpkg/dpkg.cfg.d/build",
)  # fmt: skip
# A file that does not compile (templates, tests of other versions) is no error.
_COMPILE = """
import compileall, py_compile, sys
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for folder in sys.argv[1:]:
    compileall.compile_dir(folder, quiet=2, workers=0, force=True, invalidation_mode=mode)
"""
_IN_ROOT = """
set -eu
mount --make-rprivate /
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
exec chroot "$@"
"""


def targets(layers: Iterable[Layer], suite: str) -> list[Target]:
    """Return the targets that make the layers of the catalogue."""
    known = {layer.name: layer for layer in layers}
    return [_target(layer, _below(layer, known), suite) for layer in known.values()]


def rootfs(packages: tuple[str, ...]) -> Path:
    """Return a tar of a whole Debian system with these packages, made unless it is cached.

    It holds no mirror, resolver, host name nor machine id. Raises
    :class:`~tools.errors.ProblemError`.
    """
    wanted = rootfs_targets(packages)
    return builder.build(wanted, progress.on()).artifacts[wanted[-1].name]


def rootfs_targets(packages: tuple[str, ...]) -> list[Target]:
    """Return the targets of :func:`rootfs`; the last is the system itself."""
    catalog = load()
    base = _target(catalog.layers["debian"], (), catalog.suite)
    layer = Layer("rootfs", packages=tuple(sorted(set(packages))), on="debian")

    def build(at: Workplace) -> None:
        root = at.out.parent / "root"
        unpack([at.needs[base.name]], root, at.log)
        _install(layer, root, catalog.suite, at.log)
        clean(root)
        archive.write_tree(at.out, root)

    recipe = {"recipe": _RECIPE, "packages": list(layer.packages), "suite": catalog.suite}
    whole = Target(
        "layer:rootfs",
        "layers/rootfs-{key}.tar",
        recipe,
        build,
        needs=(base.name,),
    )
    return [base, whole]


def unpack(layers: Iterable[Path], root: Path, log: Path) -> None:
    """Unpack layers one upon the other into ``root``, which is made."""
    root.mkdir()
    for layer in layers:
        command.run(["tar", "--numeric-owner", "-xpf", layer, "-C", root], log)
        for mark in root.rglob(".wh.*"):
            lost = mark.with_name(mark.name.removeprefix(".wh."))
            mark.unlink()
            if lost.is_dir() and not lost.is_symlink():
                shutil.rmtree(lost)
            else:
                lost.unlink(missing_ok=True)


def run_in(root: Path, argv: Iterable[str], log: Path) -> None:
    """Run a program in the system at ``root``, with its own /proc and the machine's /dev."""
    space = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    clean_env = ["env", "-i", *(f"{name}={value}" for name, value in _ENV.items())]
    # `env -i` comes after chroot: PATH there is the new system's, not the machine's.
    inside = [str(root), "/usr/bin/env", *clean_env[1:]]
    command.run([*space, "sh", "-c", _IN_ROOT, "sh", *inside, *argv], log)


def clean(root: Path) -> None:
    """Remove what the machine and the clock have left in a system."""
    for folder in _EMPTIED:
        for entry in inside(root, f"{folder}/*").parent.glob("*"):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    for name in _REMOVED:
        inside(root, name).unlink(missing_ok=True)
    for log in (root / "var/log").rglob("*"):
        if log.is_file():
            log.unlink()
    for page in (root / "usr/share/doc").rglob("*"):
        if page.name != "copyright" and (page.is_symlink() or not page.is_dir()):
            page.unlink()


def _below(layer: Layer, known: dict[str, Layer]) -> tuple[str, ...]:
    """Return the names of the layers that a layer lies upon, the lowest first."""
    if layer.on is None:
        return ()
    return (*_below(known[layer.on], known), layer.on)


def _target(layer: Layer, below: tuple[str, ...], suite: str) -> Target:
    def build(at: Workplace) -> None:
        root = at.out.parent / "root"
        if below:
            unpack([at.needs[f"layer:{name}"] for name in below], root, at.log)
            before = archive.snapshot(root)
            _install(layer, root, suite, at.log)
            clean(root)
            _remove(layer, root)
            _own(layer, root, at.log)
            changed, gone = archive.difference(before, archive.snapshot(root))
            archive.write_tree(at.out, root, only=changed, gone=gone)
        else:
            _bootstrap(root, suite, at.log)
            _install(layer, root, suite, at.log)
            clean(root)
            _own(layer, root, at.log)
            archive.write_tree(at.out, root)

    return Target(
        name=f"layer:{layer.name}",
        place=f"layers/{layer.name}-{{key}}.tar",
        recipe={
            "recipe": _RECIPE,
            "suite": suite,
            "packages": sorted(layer.packages),
            "users": dict(layer.users),
            "files": dict(layer.files),
            "owned": dict(layer.owned),
            **({"removed": list(layer.removed)} if layer.removed else {}),
        },
        build=build,
        needs=tuple(f"layer:{name}" for name in below),
    )


def _bootstrap(root: Path, suite: str, log: Path) -> None:
    """Make the smallest Debian system, with debootstrap from its package if it is not here."""
    apt.check_host()
    env = apt.http_proxy()
    program = shutil.which("debootstrap")
    if program is None:
        folder = root.parent / "debootstrap"
        apt.unpack("debootstrap", folder, log)
        program = str(folder / "usr/sbin/debootstrap")
        env["DEBOOTSTRAP_DIR"] = str(folder / "usr/share/debootstrap")
    keyring = _KEYRING
    if not keyring.exists():
        folder = root.parent / "keyring"
        apt.unpack("debian-archive-keyring", folder, log)
        keyring = folder / str(_KEYRING).lstrip("/")
    space = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    options = ["--variant=minbase", f"--keyring={keyring}", suite]
    command.run([*space, program, *options, root, apt.mirrors().archive], log, env=env)
    for account, line in (
        ("etc/passwd", f"nonroot:x:{_NONROOT}:{_NONROOT}:nonroot:/home/nonroot:/usr/sbin/nologin"),
        ("etc/group", f"nonroot:x:{_NONROOT}:"),
    ):
        with (root / account).open("a") as file:
            file.write(line + "\n")
    (root / "home/nonroot").mkdir(mode=0o700)
    os.chown(root / "home/nonroot", _NONROOT, _NONROOT)


def _install(layer: Layer, root: Path, suite: str, log: Path) -> None:
    """Install a layer's packages with the system's own apt and the machine's mirror."""
    apt.check_host()
    for name, user in layer.users.items():
        run_in(root, ["groupadd", "-r", "-g", str(user), name], log)
        home = ["-d", f"/var/lib/{name}", "-s", "/bin/sh"]
        run_in(root, ["useradd", "-r", "-u", str(user), "-g", name, *home, name], log)
    for file, text in layer.files.items():
        _write(root, file, text)
    _write(root, "etc/apt/sources.list", apt.mirrors().sources(suite))
    settings = apt.acquire_settings()
    if certificates := os.environ.get("SSL_CERT_FILE"):
        _write(root, "etc/apt/host.crt", Path(certificates).read_text())
        settings += 'Acquire::https::CAInfo "/etc/apt/host.crt";\n'
    _write(root, "etc/apt/apt.conf.d/99host", settings)
    _write(root, "etc/dpkg/dpkg.cfg.d/build", _DPKG)
    _write(root, "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    for name in ("resolv.conf", "hosts"):
        _write(root, f"etc/{name}", Path(f"/etc/{name}").read_text())
    run_in(root, ["apt-get", "-q", "--error-on=any", "update"], log)
    install = ["apt-get", "-qy", "--no-install-recommends", "install"]
    run_in(root, [*install, *sorted(layer.packages)], log)
    inside(root, "etc/hosts").unlink()
    if (root / "usr/bin/python3").exists():
        compile_python(root, ["/usr/lib/python3", "/usr/lib/python3.11"], log)


def _remove(layer: Layer, root: Path) -> None:
    """Remove the files that the layer's packages made up, and the links to them beside them."""
    for name in layer.removed:
        file = inside(root, name)
        file.unlink()
        for other in file.parent.iterdir():
            if other.is_symlink() and other.readlink().name == file.name:
                other.unlink()


def _own(layer: Layer, root: Path, log: Path) -> None:
    """Make the folders that belong to the layer's user; inside, where its links lead right."""
    user = str(next(iter(layer.users.values()), 0))
    for folder, mode in layer.owned.items():
        run_in(root, ["install", "-d", "-o", user, "-g", user, "-m", mode, folder], log)


def compile_python(root: Path, folders: list[str], log: Path) -> None:
    """Compile Python files so that they stay valid: all times in a layer are 0.

    A pod of a read-only image would otherwise compile thousands of files at each start.
    """
    for folder in folders:
        for stale in inside(root, f"{folder}/*").parent.rglob("__pycache__"):
            shutil.rmtree(stale)
    run_in(root, ["python3", "-c", _COMPILE, *folders], log)


def _write(root: Path, name: str, text: str) -> None:
    file = inside(root, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # not through a link
    file.write_text(text)


def inside(root: Path, name: str) -> Path:
    """Return where a path of the new system lies here.

    Links there are absolute (``/var/run`` → ``/run``): followed from here they lead to the files of
    this machine. Raises :class:`ValueError` for a path below such a link; what has to go through
    one is done by :func:`run_in`.
    """
    file = root / name.lstrip("/")
    if not file.parent.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{name} leads out of {root}")
    return file
