"""Images: layers below, then the files of their own, then how they are started."""

from __future__ import annotations

import json
from pathlib import Path

from tools import apt, archive, debian, wheels
from tools.archive import Entry
from tools.catalog import TOOLS, Catalog, ImageSpec, arch
from tools.graph import Target, Workplace

_RECIPE = 2
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_ACCOUNTS = (
    Entry("tmp", 0o1777),
    Entry("root", 0o700),
    Entry("home/nonroot", 0o700, uid=65532, gid=65532),
    Entry(
        "etc/passwd",
        0o644,
        b"root:x:0:0:root:/root:/sbin/nologin\n"
        b"nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
        b"nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
    ),
    Entry("etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n"),
    Entry("etc/nsswitch.conf", 0o644, b"hosts: files dns\n"),
)


def targets(catalog: Catalog) -> list[Target]:
    """Return the targets of all layers and images of the catalogue."""
    below = _stacks(catalog)
    wheel_layers = [
        wheels.target(image.wheels, below[image.on or ""])
        for image in catalog.images.values()
        if image.wheels
    ]
    layers = debian.targets(catalog.layers.values(), catalog.suite)
    images = [_target(image, below, catalog) for image in catalog.images.values() if image.made]
    return [*layers, _static(), *wheel_layers, *images]


def _stacks(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Return for each base the targets of its layers, the lowest first."""
    found = {"": (), "static": ("layer:static",)}
    for name in catalog.layers:
        names: list[str] = []
        current: str | None = name
        while current:
            names.insert(0, f"layer:{current}")
            current = catalog.layers[current].on
        found[name] = tuple(names)
    return found


def _target(spec: ImageSpec, stacks: dict[str, tuple[str, ...]], catalog: Catalog) -> Target:
    layers = stacks[spec.on or ""]
    if spec.wheels:
        layers += (f"layer:wheels-{spec.wheels}",)
    # Of a program, only the executables in `files` go in, but its key is all that is known before
    # it is built.
    programs = {
        path: (f"program:{catalog.program_of(executable).name}", executable)
        for path, executable in spec.files.items()
    }
    extra = {path: TOOLS / "images" / source for path, source in spec.extra.items()}
    config = {**spec.config, "Env": spec.config.get("Env", [_PATH])}

    def build(at: Workplace) -> None:
        stack = [at.needs[layer] for layer in layers]
        entries = [
            Entry(path, 0o755, at.needs[program] / executable)
            for path, (program, executable) in programs.items()
        ]
        entries += [Entry(path, 0o755, source) for path, source in extra.items()]
        if entries:
            own = at.out.parent / "own.tar"
            archive.write_layer(own, entries)
            stack.append(own)
        archive.write_image(at.out, spec.ref, config, stack, arch())

    return Target(
        name=f"image:{spec.name}",
        place=f"images/{spec.name}-{{key}}.tar",
        recipe={
            "recipe": _RECIPE,
            "ref": spec.ref,
            "files": dict(spec.files),
            "extra": {path: source.read_text() for path, source in extra.items()},
            "config": json.dumps(config, sort_keys=True),
            "arch": arch(),
        },
        build=build,
        needs=(*layers, *sorted({program for program, _ in programs.values()})),
    )


def _static() -> Target:
    """Return the target of the layer for one static executable: accounts, certificates, /tmp."""

    def build(at: Workplace) -> None:
        folder = at.out.parent / "certificates"
        apt.unpack("ca-certificates", folder, at.log)
        bundle = b"".join(path.read_bytes() for path in _certificates(folder))
        archive.write_layer(at.out, [*_ACCOUNTS, Entry(_CERTIFICATES, 0o644, bundle)])

    return Target(
        name="layer:static",
        place="layers/static-{key}.tar",
        recipe={"recipe": _RECIPE, "accounts": repr(_ACCOUNTS)},
        build=build,
    )


def _certificates(folder: Path) -> list[Path]:
    """Return the certificate authorities of Debian's package, which are Mozilla's."""
    return sorted((folder / "usr/share/ca-certificates/mozilla").glob("*.crt"))
