"""`cnai conformance`: do what the AI Conformance program asks of a stack; write what was seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table

from components.api_server import PASSING, ApiServer
from components.clusters.kind import kubeconfig_file
from policies.conformance.product import TemplateError, product
from policies.conformance.requirements import VERSIONS, of_version
from policies.conformance.result import Result, broken, complete, record, verdict
from stacks import stack_files
from stacks.cli import say
from stacks.settings import Settings
from stacks.teams import is_tenant
from tools.errors import Problem, ProblemError
from tools.paths import REPO, home

FAILED = 5
"""Exit code when something that the environment has to do is not there or does not work."""
TESTS = REPO / "tests" / "conformance"
HEADS = ("REQUIREMENT", "LEVEL", "OUTCOME", "DEVICE", "LAYER", "MAY BE CONCLUDED", "EVIDENCE")
RAN = (0, 1)
"""Exit codes of pytest after which every test has said what it found."""


def conformance(stack: str, version: str, *, template: Path | None, out: Path | None) -> int:
    """Run the tests of a version against a stack that is up; return 5 when it falls short.

    Raises ProblemError before anything is run: CNAI-CONFORM-001 to 003.
    """
    if version not in VERSIONS:
        raise ProblemError(_no_version(version))
    settings = stack_files.settings(stack)
    if template:
        # Whether it fits is known before the tests, which take minutes.
        _product(template, version, settings.tier, complete(version, (), "not run yet"))
    kubernetes = _kubernetes(stack, settings)
    if not kubernetes.startswith(f"v{version}."):
        say.note("conform", f"version {version} is for its own Kubernetes; here is {kubernetes}")
    # Tests run elsewhere: a relative name is meant from here.
    folder = (out or home() / "conformance" / f"{stack}-{version}").resolve()
    _empty(folder, version)
    code = _run(stack, version, settings, folder)
    results = collect(folder, version, f"the tests ended with exit code {code} before it")
    found = record(
        version,
        results,
        stack=stack,
        environment=settings.tier,
        date=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        versions={"cnai": metadata.version("cnai"), "kubernetes": kubernetes},
    )
    written = {"results.json": json.dumps(found, indent=2, ensure_ascii=False) + "\n"}
    if template:
        written["PRODUCT.yaml"] = _product(template, version, settings.tier, results)
    for name, text in written.items():
        (folder / name).write_text(text)
    say.wide(table(found, results))
    say.out.print(summary(found), markup=False)
    fallen = broken(version, results, settings.tier)
    for result in fallen:
        said = f"{result.id} is owed here: {result.outcome}: {result.reason}"
        say.note("conform", said.replace("[", "\\["))
    say.done("conform", f"written: {folder}")
    if code not in RAN:
        raise ProblemError(_no_tests(code))
    return FAILED if fallen else 0


def collect(folder: Path, version: str, why: str) -> list[Result]:
    """Return what the tests have written of each requirement; their own files go."""
    found: list[Result] = []
    for requirement in of_version(version):
        file = folder / f"{requirement.id}.json"
        if file.exists():
            found.append(Result.of(json.loads(file.read_text())))
            file.unlink()
    return complete(version, found, why)


def table(found: Mapping[str, Any], results: list[Result]) -> Table:
    """Return the view of all results."""
    by_id = {result.id: result for result in results}
    asked = {each.id: each for each in of_version(found["program"])}
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for head in HEADS:
        shown.add_column(head)
    for row in found["results"]:
        id_ = row["id"]
        said = verdict(asked[id_], by_id[id_])
        cells = (id_, row["level"], row["outcome"], row["device"], row["layer"], said)
        shown.add_row(*cells, row["evidence"] or "-")
    return shown


def summary(found: Mapping[str, Any]) -> str:
    """Say in one line what it comes to. Pure."""
    parts = [
        f"{level}: {count['conformant']} of {count['all']} conformant"
        for level, count in found["counts"].items()
        if count["all"]
    ]
    whole = "conformant" if found["conformant"] else "not conformant"
    return f"{found['stack']} with version {found['program']}: {whole} ({'; '.join(parts)})"


def _empty(folder: Path, version: str) -> None:
    """Take away what an earlier run wrote: what is not made anew must not look like it was."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{each.id}{end}" for each in of_version(version) for end in (".json", ".md")]
    for name in (*names, "results.json", "junit.xml", "PRODUCT.yaml"):
        (folder / name).unlink(missing_ok=True)


def _run(stack: str, version: str, settings: Settings, folder: Path) -> int:
    """Run the tests; what they print goes to stderr, as all progress does."""
    tests = [TESTS / f"test_{each.id}.py" for each in of_version(version)]
    said = {"STACK": stack, "VERSION": version, "ENVIRONMENT": settings.tier, "OUT": str(folder)}
    if settings.teams:
        said["NAMESPACE"] = settings.teams[0]
    env = {f"CNAI_CONFORMANCE_{name}": value for name, value in said.items()}
    options = ["-v", "-rN", "-p", "no:cacheprovider", f"--junitxml={folder / 'junit.xml'}"]
    command = [sys.executable, "-m", "pytest", *options, *map(str, tests)]
    say.step("conform", f"{len(tests)} requirements of version {version} against stack {stack}")
    environ = {**os.environ, "CNAI_HOME": str(home()), **env}
    return subprocess.run(command, cwd=REPO, env=environ, stdout=2, check=False).returncode


def _kubernetes(stack: str, settings: Settings) -> str:
    """Return the version that the API server of a stack tells."""
    file = kubeconfig_file(stack)
    why = "it has no kubeconfig: it is not up"
    if is_tenant(settings):
        why = "it is the place of a team on the cluster of another stack"
    elif file.exists():
        try:
            return str(ApiServer(file.read_text()).get("/version")["gitVersion"])
        except PASSING as error:
            why = str(error)
    raise ProblemError(
        Problem(
            "CNAI-CONFORM-001",
            f"stack `{stack}` has no cluster that answers",
            why,
            f"bring it up first: cnai up {stack}; for the place of a team, name its base",
            exit_code=4,
        )
    )


def _product(template: Path, version: str, environment: str, results: list[Result]) -> str:
    try:
        return product(template.read_text(), version, environment, results)
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        raise ProblemError(
            Problem(
                "CNAI-CONFORM-003",
                f"{template} is no template of version {version}",
                str(error),
                f"name the program's own file for it: docs/AIConformance-{version}.yaml of its"
                " repository",
                exit_code=2,
            )
        ) from None


def _no_version(version: str) -> Problem:
    return Problem(
        "CNAI-CONFORM-002",
        f"the AI Conformance program has no version `{version}` here",
        f"known are: {', '.join(VERSIONS)}",
        f"write one of them, as in --version {VERSIONS[-1]}",
        exit_code=2,
    )


def _no_tests(code: int) -> Problem:
    return Problem(
        "CNAI-CONFORM-004",
        "the conformance tests did not run to their end",
        f"pytest ended with {code}; what it said is above",
        "mend what it names, and run the same command again",
        exit_code=1,
    )
