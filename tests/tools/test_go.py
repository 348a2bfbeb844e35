"""Go programs: which toolchain, which flags, which files of a module."""

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest

from tools import builder, catalog, go
from tools.errors import ProblemError

KNOWN = catalog.load()


def test_the_toolchain_is_new_enough() -> None:
    text = subprocess.check_output([go.toolchain(), "version"], text=True)
    major, minor = (int(n) for n in text.split("go version go")[1].split()[0].split(".")[:2])
    assert (major, minor) >= KNOWN.go_minimum


def test_a_module_is_found_at_its_pinned_version() -> None:
    folder = go.module_dir(KNOWN.programs["kind"])
    assert folder.name == f"kind@v{KNOWN.programs['kind'].version}"
    assert (folder / "go.mod").exists()


def test_a_program_depends_on_all_that_goes_in() -> None:
    def place(program: catalog.Program) -> str:
        target = go.target(program)
        return builder.places([target])[target.name].name

    program = KNOWN.programs["pause"]
    seen = {
        place(changed)
        for changed in (
            program,
            dataclasses.replace(program, ldflags=("-X a.b=c",)),
            dataclasses.replace(program, env={"GOEXPERIMENT": "jsonv2"}),
            dataclasses.replace(program, version="9.9.9"),
            dataclasses.replace(program, folder="kind"),
        )
    }
    assert len(seen) == 5
    assert place(program) in seen


def test_a_program_depends_on_folders_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "programs/two/part/part.go"
    part.parent.mkdir(parents=True)
    monkeypatch.setattr(catalog, "TOOLS", tmp_path)
    two = catalog.Program("two", "1.0.0", folder="two", binaries={"two": "."})
    seen = set()
    for text in ("package part\n", "package part // otherwise\n"):
        part.write_text(text)
        target = go.target(two)
        seen.add(builder.places([target])[target.name].name)
    assert len(seen) == 2


def test_a_program_that_does_not_compile_is_told_by_its_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tools/programs/broken"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module x\n\ngo 1.24\n")
    (folder / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    monkeypatch.setattr(catalog, "TOOLS", tmp_path / "tools")
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    broken = catalog.Program("broken", "1.0.0", folder="broken", binaries={"broken": "."})
    with pytest.raises(ProblemError) as caught:
        builder.build([go.target(broken)])
    (problem,) = caught.value.problems
    assert problem.id == "CNAI-SUPPLY-001"
    assert "main.go:3:15: undefined: missing" in problem.why


def test_several_executables_have_the_names_that_the_catalogue_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tools/programs/two"
    for name in ("one", "other"):
        (folder / name).mkdir(parents=True)
        (folder / name / "main.go").write_text("package main\n\nfunc main() {}\n")
    (folder / "go.mod").write_text("module x\n\ngo 1.24\n")
    monkeypatch.setattr(catalog, "TOOLS", tmp_path / "tools")
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    names = {"x-one": "x/one", "x-other": "x/other"}
    two = catalog.Program("two", "1.0.0", folder="two", binaries=names)
    target = go.target(two)
    builder.build([target])
    place = builder.places([target])[target.name]
    assert {path.name for path in place.iterdir()} == set(names)


def test_a_module_out_of_reach_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path))
    with pytest.raises(ProblemError) as caught:
        go.module_dir(KNOWN.programs["kind"])
    assert caught.value.problems[0].id == "CNAI-SUPPLY-002"


def test_settings_of_the_caller_do_not_change_what_is_built() -> None:
    env = {**os.environ, "GOFLAGS": "-tags=x", "GOWORK": "/nowhere", **go.environment()}
    text = subprocess.check_output([go.toolchain(), "env", "GOFLAGS", "GOWORK"], env=env, text=True)
    assert text.split("\n")[:2] in (["", "off"], ["-buildvcs=false", "off"])
