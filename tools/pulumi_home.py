"""The Pulumi engine of one checkout: its programs, plugins, backend and passphrase in one place.

``home()/bin``     pulumi with what it starts from beside itself, kubectl, kind
``home()/pulumi``  PULUMI_HOME: plugins in the form in which the engine installs them
``home()/state``   the file backend; ``home()/passphrase`` opens the secrets in it
``home()/stacks``  stack files with the salt of the passphrase, which no committed file may hold

Nothing asks, and nothing is shared with a Pulumi that the user has.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import stat
import sys
import sysconfig
from pathlib import Path

from tools import supply
from tools.paths import home

PROGRAMS = (
    "pulumi",
    "pulumi-language-python-exec",
    "pulumi-resource-kubernetes",
    "kubectl",
    "kind",
)
"""What prepare() needs of the supply, by name in its catalogue."""

LANGUAGE_HOST = "pulumi-language-python"


def prepare(mode: supply.Mode) -> dict[str, str]:
    """Make the engine's home ready and return the environment in which ``pulumi`` runs.

    The environment holds only what differs from the caller's; PATH begins with our programs. Raises
    ProblemError when a program cannot be had. What is in place already is left as it is.
    """
    mode = supply.resolve(mode)
    supply.ensure([f"program:{name}" for name in PROGRAMS], mode)
    place = home()
    for folder in ("bin", "pulumi/plugins", "state", "stacks"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    _programs(place / "bin", mode)
    _provider(place / "pulumi" / "plugins", mode)
    set_logs(place / "pulumi" / "logs", wanted=os.environ.get("CNAI_PULUMI_LOGS") == "1")
    env = {
        "PATH": os.pathsep.join(
            [str(place / "bin"), str(Path(sys.prefix, "bin")), os.environ.get("PATH", os.defpath)]
        ),
        "PULUMI_HOME": str(place / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{place.resolve() / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(make_passphrase(place / "passphrase")),
        # A stack file without a salt takes that of the state, instead of a new one each time.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if mode is supply.Mode.SOURCE:
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return env


def stack_file(stack: str, committed: Path) -> Path:
    """Return the file to give to ``pulumi --config-file``: the committed one and the stack's salt.

    Pulumi writes the salt of the passphrase into the stack file that it is given. The passphrase
    belongs to this checkout, and so does the salt: it is kept here, and the committed file stays
    as it is. A committed file that has a salt of its own is taken as it is.
    """
    own = home() / "stacks" / committed.name
    text = committed.read_text()
    salt = _salt(own)
    if "\nencryptionsalt:" not in f"\n{text}" and salt:
        text = f"{text.rstrip()}\n{salt}\n"
    own.parent.mkdir(parents=True, exist_ok=True)
    _write(own, text)
    return own


def stack_project(project: str) -> Path:
    """Return the directory to run ``pulumi stack init`` in, for the salt to land in stack_file().

    ``stack init`` knows no ``--config-file``: it writes beside the project that it finds.
    """
    folder = home() / "stacks"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "Pulumi.yaml", f"name: {project}\nruntime: python\n")
    return folder


def _programs(folder: Path, mode: supply.Mode) -> None:
    pulumi = supply.program("pulumi", mode)
    # The engine warns of every plugin that is on PATH but not beside its own executable, links
    # resolved: so that one is no symbolic link.
    _same_file(pulumi, folder / "pulumi")
    runner = folder / "pulumi-language-python-exec"
    _same_file(supply.program(runner.name, mode), runner)
    # -P: the engine starts us in the directory of a program, whose modules are not for us.
    _script(folder / LANGUAGE_HOST, "-P", "-m", "tools.language_host", "--exec", str(runner))
    # Not the SDK's script: that one looks for the environment below the program's directory.
    _script(folder / "pulumi-resource-pulumi-python", "-u", "-m", "tools.dynamic_provider")
    for name in ("kubectl", "kind"):
        _link(supply.program(name, mode), folder / name)


def _provider(plugins: Path, mode: supply.Mode) -> None:
    """Install the Kubernetes provider as the version that the SDK in this environment asks for."""
    sdk = Path(sysconfig.get_path("purelib"), "pulumi_kubernetes", "pulumi-plugin.json")
    version = json.loads(sdk.read_text())["version"]
    folder = plugins / f"resource-kubernetes-v{version}"
    folder.mkdir(exist_ok=True)
    _link(supply.program("pulumi-resource-kubernetes", mode), folder / "pulumi-resource-kubernetes")


def set_logs(path: Path, *, wanted: bool) -> None:
    """Turn the engine's automatic logging on or off.

    It compresses and encrypts every property of every resource, which costs a core; there is no
    switch, but where a file stands in the place of its folder, the engine goes on without.
    """
    if wanted and path.is_file():
        path.unlink()
    elif not wanted and not path.is_file():
        if path.exists():
            shutil.rmtree(path)
        path.touch()


def make_passphrase(path: Path) -> Path:
    """Make a random passphrase once. Two that do so at the same time agree on one."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
        draft.write_text(secrets.token_urlsafe(32))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path


def _salt(path: Path) -> str:
    if not path.is_file():
        return ""
    return next((x for x in path.read_text().splitlines() if x.startswith("encryptionsalt:")), "")


def _script(path: Path, *arguments: str) -> None:
    python = Path(sys.prefix, "bin", "python")
    _write(path, f'#!/bin/sh\nexec {shlex.join([str(python), *arguments])} "$@"\n', mode=0o755)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file at once, or leave it when it says the same."""
    if path.is_file() and not path.is_symlink() and path.read_text() == text:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.chmod(mode)
    draft.replace(path)


def _link(source: Path, path: Path) -> None:
    if path.is_symlink() and path.readlink() == source:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.symlink_to(source)
    draft.replace(path)


def _same_file(source: Path, path: Path) -> None:
    """Have the content of ``source`` under another name: a hard link, or a copy across disks."""
    there, wanted = path.lstat() if path.exists() else None, source.stat()
    if there and (there.st_size, there.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns):
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.hardlink_to(source.resolve())
    except OSError:
        shutil.copy2(source, draft)
    draft.replace(path)
