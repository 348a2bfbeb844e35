"""Bills of materials of what was built, against what the things themselves say is in them."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from stacks.cli import sboms
from tools import catalog, command, go, sbom, supply
from tools.supply import Mode

pytestmark = pytest.mark.live
PROGRAM = "crictl"
IMAGE = "storage-initializer"
"""Small, with packages of Debian and of Python."""
LISTING = "mlflow"
"""With wheels that bring a list of their own."""
WHEEL = re.compile(r".*/dist-packages/([^/]+)\.dist-info/METADATA")
WHERE = "http://cyclonedx.org/schema/"


@pytest.fixture(scope="module")
def bills() -> dict[str, Path]:
    images = [f"image:{name}" for name in (IMAGE, LISTING)]
    return sboms.made([f"program:{PROGRAM}", "program:openreports", *images, sbom.NODE])


def read(folder: Path, file: str = "cyclonedx.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / file).read_text())
    return found


def schema(version: str) -> Draft7Validator:
    """The standard's own schema, which lies beside the library that Trivy writes bills with."""
    program = catalog.load().programs["trivy"]
    ask = [str(go.toolchain()), "mod", "download", "-json", "github.com/CycloneDX/cyclonedx-go"]
    answer = json.loads(command.read(ask, cwd=program.source, env=go.environment()))
    folder = Path(answer["Dir"], "schema")
    known = {path.name: json.loads(path.read_text()) for path in folder.glob("*.schema*.json")}
    # The name of this file has a letter too much in the module.
    known["jsf-0.82.schema.json"] = known.pop("jsf-0.82.schemax.json", {})
    store = Registry().with_resources(
        (f"{WHERE}{name}", Resource.from_contents(text, default_specification=DRAFT7))
        for name, text in known.items()
    )
    return Draft7Validator(known[f"bom-{version}.schema.json"], registry=store)


def test_every_bill_is_what_the_standard_says(bills: dict[str, Path]) -> None:
    for name, folder in bills.items():
        bill = read(folder)
        assert bill["bomFormat"] == "CycloneDX"
        wrong = [error.message for error in schema(bill["specVersion"]).iter_errors(bill)]
        assert not wrong, name
        assert read(folder, "spdx.json")["spdxVersion"].startswith("SPDX-2")


def test_a_bill_says_what_it_is_of_and_nothing_of_this_machine(bills: dict[str, Path]) -> None:
    about = read(bills[f"program:{PROGRAM}"])["metadata"]["component"]
    program = catalog.load().programs[PROGRAM]
    assert (about["name"], about["version"]) == (PROGRAM, program.version)
    assert about["purl"] == f"pkg:golang/{program.module}@v{program.version}"
    about = read(bills[f"image:{IMAGE}"])["metadata"]["component"]
    assert f"{about['name']}:{about['version']}" == supply.image_ref(IMAGE)
    for folder in bills.values():
        for file in sbom.FORMS:
            assert str(Path.home()) not in (folder / file).read_text()


def test_every_module_of_a_program_is_in_its_bill(bills: dict[str, Path]) -> None:
    binary = supply.program(PROGRAM, Mode.SOURCE)
    said = command.read([go.toolchain(), "version", "-m", binary], env=go.environment())
    modules: list[tuple[str, str]] = []
    for kind, path, version in re.findall(r"^\s(dep|=>)\t(\S+)\t(\S+)", said, re.MULTILINE):
        if kind == "=>":
            modules.pop()
        modules.append((path, version))
    assert modules
    listed = sbom.components(read(bills[f"program:{PROGRAM}"]))
    assert not set(modules) - listed
    assert "stdlib" in {name for name, _ in listed}


def test_every_package_of_an_image_is_in_its_bill(bills: dict[str, Path]) -> None:
    archive = supply.image(IMAGE, Mode.SOURCE).archive
    assert archive
    wheels, debian = set(), set()
    with tarfile.open(archive) as image:
        for member in image:
            if not member.name.endswith("/layer.tar"):
                continue
            layer = image.extractfile(member)
            assert layer
            with tarfile.open(fileobj=io.BytesIO(layer.read())) as tar:
                names = tar.getnames()
                status = next((n for n in names if n.endswith("var/lib/dpkg/status")), None)
                wheels |= set(
                    re.findall(r"dist-packages/([^/\n]+)\.dist-info/METADATA", "\n".join(names))
                )
                if status and (file := tar.extractfile(status)):
                    # Each layer has the list as it is there: the last is that of the image.
                    debian = packages(file.read().decode())
    assert wheels
    assert debian
    listed = sbom.components(read(bills[f"image:{IMAGE}"]))
    known = {(normal(name), version) for name, version in listed}
    assert not {tuple(w.rsplit("-", 1)) for w in map(normal_wheel, wheels)} - known
    assert not debian - {name for name, _ in listed}


def packages(status: str) -> set[str]:
    """Names of what Debian's list says is installed."""
    installed = [e for e in status.split("\n\n") if "Status: install ok installed" in e]
    return {re.search(r"^Package: (\S+)", e, re.MULTILINE)[1] for e in installed}  # type: ignore[index]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def normal_wheel(folder: str) -> str:
    name, version = folder.rsplit("-", 1)
    return f"{normal(name)}-{version}"


def test_the_system_of_a_node_is_in_its_bill(bills: dict[str, Path]) -> None:
    names = {name for name, _ in sbom.components(read(bills[sbom.NODE]))}
    assert {"systemd", "runc", "iptables"} <= names


def test_a_second_look_makes_nothing_again(bills: dict[str, Path]) -> None:
    def made_at() -> dict[str, int]:
        files = {name: folder / "cyclonedx.json" for name, folder in bills.items()}
        return {name: file.stat().st_mtime_ns for name, file in files.items()}

    before = made_at()
    assert sboms.made(list(bills)) == bills
    assert made_at() == before


def test_bills_are_copied_to_where_they_are_asked_for(
    bills: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sboms.write([f"program:{PROGRAM}"], tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        f"program-{PROGRAM}.cdx.json",
        f"program-{PROGRAM}.spdx.json",
    }
    said = capsys.readouterr().out
    count = len(sbom.components(read(bills[f"program:{PROGRAM}"])))
    assert said.split()[:2] == [f"program:{PROGRAM}", str(count)]
