"""Commands that change nothing: they judge a stack, or say what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policies.catalog import Gate
from policies.conformance.requirements import LATEST

Stack = Annotated[str, typer.Argument(help="Name of a stack: a file stacks/Pulumi.<name>.yaml.")]


def check(
    stack: Stack = "kind",
    *,
    gate: Annotated[
        list[Gate] | None, typer.Option(help="A gate to hold; may be said again.")
    ] = None,
    framework: Annotated[
        list[str] | None, typer.Option(help="Part of a framework's name; may be said again.")
    ] = None,
    live: Annotated[
        bool, typer.Option(help="Look at the cluster too: what stands at admission, what is there.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="A folder for report.html, JUnit, SARIF, JSON, OpenReports.")
    ] = None,
) -> None:
    """Hold the rules against a stack; ends with 5 when a mandatory one is broken."""
    from stacks.cli.check import check as hold  # noqa: PLC0415  imports take a second

    raise typer.Exit(
        hold(stack, only=gate or (), frameworks=framework or (), live=live, report=report)
    )


def conformance(
    stack: Stack = "kind",
    *,
    version: Annotated[str, typer.Option("--version", help="Version of the program.")] = LATEST,
    template: Annotated[
        Path | None,
        typer.Option(help="The program's file of that version; PRODUCT.yaml is made of it."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for evidence, results.json and JUnit.")
    ] = None,
) -> None:
    """Test a stack that is up for CNCF AI conformance; ends with 5 when it falls short."""
    from stacks.cli.conformance import conformance as conform  # noqa: PLC0415  as above

    raise typer.Exit(conform(stack, version, template=template, out=out))


def sbom(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="As program:kueue or image:mlflow; without one, all that is built."),
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Folder that gets a copy of each file.")] = None,
) -> None:
    """Write down what is in what is built here, as CycloneDX and SPDX; needs no network."""
    from stacks.cli.sboms import write  # noqa: PLC0415  as above

    raise typer.Exit(write(names or (), out))
