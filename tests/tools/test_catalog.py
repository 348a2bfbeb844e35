"""Laws of the catalogue: one place for each version, and nothing named that is not there."""

import re
import tomllib
from pathlib import Path

import pytest

from tools import catalog, go, graph, supply
from tools.catalog import TOOLS
from tools.errors import ProblemError
from tools.supply import Mode

KNOWN = catalog.load()
GO_MODS = sorted(TOOLS.glob("programs/*/go.mod"))


def test_every_folder_of_pins_is_a_program_and_the_other_way_round() -> None:
    assert {path.parent.name for path in GO_MODS} == {p.folder for p in KNOWN.programs.values()}


@pytest.mark.parametrize("go_mod", GO_MODS, ids=lambda path: path.parent.name)
def test_pins_have_sums_and_lead_to_modules_only(go_mod: Path) -> None:
    text = go_mod.read_text()
    assert f"module cnai.dev/tools/{go_mod.parent.name}\n" in text
    for folder in re.findall(r"=> (\.\S*)", text):
        own = (go_mod.parent / folder).resolve()
        assert go_mod.parent in own.parents, "a replacement by a folder is nobody else's folder"
        assert (own / "go.mod").is_file()
    assert go_mod.with_name("go.sum").exists()


@pytest.mark.parametrize("program", KNOWN.programs.values(), ids=lambda program: program.name)
def test_a_program_is_the_module_at_the_version_of_its_pins(program: catalog.Program) -> None:
    assert program.binaries or program.copies
    if not program.module:
        assert program.binaries == {program.name: "."}
        return
    go_mod = (program.source / "go.mod").read_text()
    version = catalog.required_version(go_mod, program.module)
    sums = (program.source / "go.sum").read_text()
    assert f"{program.module} v{version} h1:" in sums
    for package in program.binaries.values():
        assert package == "." or package.startswith(program.module)
    # The compiler names several executables after their folders, where two may not be the same.
    folders = [path.rsplit("/", 1)[-1] for path in program.binaries.values()]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("spec", KNOWN.images.values(), ids=lambda spec: spec.name)
def test_an_image_has_the_version_of_its_program(spec: catalog.ImageSpec) -> None:
    tag = spec.ref.rsplit(":", 1)[1]
    if spec.wheels and not spec.published:
        assert re.fullmatch(r"\d+\.\d+\.\d+-[0-9a-f]{8}", tag)
    elif spec.program and not spec.asked_by:
        # Some publishers write the v into the tags of their images, some do not.
        assert tag.removeprefix("v") == KNOWN.programs[spec.program].version
    for executable in spec.files.values():
        assert executable in KNOWN.programs[spec.program or ""].executables
    assert all((TOOLS / "images" / source).exists() for source in spec.extra.values())


def test_tags_that_kubeadm_asks_for_are_those_in_its_source() -> None:
    asked = {n: i.ref.rsplit(":", 1)[1] for n, i in KNOWN.images.items() if i.asked_by == "kubeadm"}
    source = go.module_dir(KNOWN.programs["kubernetes"]) / "cmd/kubeadm/app/constants/constants.go"
    text = source.read_text()
    names = {"etcd": "DefaultEtcdVersion", "coredns": "CoreDNSVersion", "pause": "PauseVersion"}
    assert asked == {
        image: (re.search(rf'\b{constant} = "(.+)"', text) or pytest.fail(constant)).group(1)
        for image, constant in names.items()
    }


def test_images_of_our_own_are_not_pulled_and_others_are_named_as_published() -> None:
    for spec in KNOWN.images.values():
        assert spec.published != spec.ref.startswith("cnai.dev/"), spec.name


def test_images_with_a_numeric_user_can_run_where_root_is_forbidden() -> None:
    for name in ("kueue", "jobset", "trainer", "versitygw", "mlflow", "trainer-jax", "postgres"):
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", KNOWN.images[name].config["User"])


def test_a_release_is_checked_and_of_the_version_that_is_pinned() -> None:
    for release in KNOWN.releases:
        version = KNOWN.programs[release.program].version
        assert release.members
        for address in (release.url, release.checksums):
            assert address.startswith("https://")
            assert f"v{version}" in address


def test_charts_have_the_version_of_their_program() -> None:
    charts = tomllib.loads((TOOLS / "catalog.toml").read_text())["charts"]
    for chart in KNOWN.charts.values():
        # Some projects count their charts on their own.
        if chart.program and "version" not in charts[chart.name]:
            assert chart.version.removeprefix("v") == KNOWN.programs[chart.program].version
        assert chart.repository or chart.upstream.startswith("oci://")


def test_no_version_of_a_module_is_written_twice() -> None:
    data = tomllib.loads((TOOLS / "catalog.toml").read_text())
    own = {name for name, table in data["programs"].items() if "version" in table}
    # Ours have no module to take it from; the provider's module has no tag of its release, and
    # Prometheus' module counts 0.311.0 for 3.11.0, Jaeger's is numbered as of before its second
    # version.
    assert own == {"api-fence", "jaeger", "pause", "prometheus", "pulumi-kubernetes"}


def test_an_executable_is_found_by_its_own_name() -> None:
    assert KNOWN.program_of("kubectl").name == "kubernetes"
    assert KNOWN.program_of("kubernetes").name == "kubernetes"
    with pytest.raises(ProblemError, match="nothing called program:kubectx"):
        KNOWN.program_of("kubectx")


@pytest.mark.parametrize("mode", [Mode.SOURCE, Mode.UPSTREAM])
def test_the_catalogue_is_a_graph_whose_artifacts_have_places_of_their_own(mode: Mode) -> None:
    places = supply.places(mode)
    assert len(set(places.values())) == len(places)


def test_groups_name_what_is_there() -> None:
    for members in KNOWN.groups.values():
        for member in members:
            kind, name = member.split(":")
            assert name in (KNOWN.images if kind == "image" else KNOWN.programs), member


def test_versions_are_read_from_go_mods_and_locks() -> None:
    go_mod = "module x\n\nrequire a.b/c v1.2.3\n\nrequire (\n\td.e/f/v2 v2.0.1 // indirect\n)\n"
    assert catalog.required_version(go_mod, "a.b/c") == "1.2.3"
    assert catalog.required_version(go_mod, "d.e/f/v2") == "2.0.1"
    with pytest.raises(ValueError, match=r"no version of a\.b"):
        catalog.required_version(go_mod, "a.b")
    assert catalog.locked_version("jaxlib==1.0\njax==0.9.1 \\\n", "jax") == "0.9.1"
    with pytest.raises(ValueError, match="no version of ja"):
        catalog.locked_version("jax==0.9.1\n", "ja")


def test_the_graph_says_what_is_not_there() -> None:
    with pytest.raises(ProblemError) as caught:
        supply.ensure(["image:nothing"], Mode.SOURCE, show=False)
    assert caught.value.problems[0] == graph.unknown(
        "image:nothing", [f"image:{name}" for name in KNOWN.images]
    )
