"""Conformance: each test does what a requirement asks for, and writes down what it saw.

`cnai conformance STACK` names a stack that is up; without it the platform of all tests is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from policies.conformance.requirements import LATEST, known
from tests.conformance.case import Case
from tests.conftest import NAMESPACE, Platform
from tools.paths import home

STACK = "CNAI_CONFORMANCE_STACK"
OUT = "CNAI_CONFORMANCE_OUT"
PROGRAM = "CNAI_CONFORMANCE_VERSION"
ENVIRONMENT = "CNAI_CONFORMANCE_ENVIRONMENT"
TEAM = "CNAI_CONFORMANCE_NAMESPACE"
RAISED = pytest.StashKey[BaseException | None]()


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Platform:
    """The stack that the command names, as it stands; else the platform of all tests."""
    stack = os.environ.get(STACK)
    if not stack:
        # A fixture that asks for its own name gets the one that it stands before.
        return request.getfixturevalue("platform")  # type: ignore[no-any-return]
    team = os.environ.get(TEAM, NAMESPACE)
    found = Platform(stack, home(), dict(os.environ), mlflow_url="", namespace=team)
    assert found.kubeconfig.is_file(), f"stack {stack} has no kubeconfig: it is not up"
    return found


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where evidence goes."""
    said = os.environ.get(OUT)
    return Path(said) if said else tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="session")
def cluster_versions(platform: Platform) -> dict[str, str]:
    """Versions that every piece of evidence names."""
    asking = Case(known("dra_support"), platform)
    server = json.loads(asking.kubectl("version", "--output=json"))["serverVersion"]["gitVersion"]
    nodes = [node["status"]["nodeInfo"] for node in asking.every("nodes")]
    # A simulated node has no kernel, and names none.
    real = [info for info in nodes if info.get("kernelVersion")]
    return {
        "cnai": metadata.version("cnai"),
        "Kubernetes": server,
        "Kubelet": _each(real, "kubeletVersion"),
        "Container runtime": _each(real, "containerRuntimeVersion"),
        "Kernel": _each(real, "kernelVersion"),
    }


@pytest.fixture
def case(
    request: pytest.FixtureRequest,
    platform: Platform,
    folder: Path,
    cluster_versions: dict[str, str],
) -> Iterator[Case]:
    """The requirement that the file of the test is named after; evidence is written at its end."""
    id_ = request.path.stem.removeprefix("test_")
    made = Case(
        known(id_),
        platform,
        environment=os.environ.get(ENVIRONMENT, "kind"),
        program=os.environ.get(PROGRAM, LATEST),
        versions=dict(cluster_versions),
    )
    yield made
    try:
        made.clean()
    finally:
        written = made.write(folder, request.node.stash.get(RAISED, None))
        # JUnit has no word for what is not there but "skipped": its properties say what it is.
        request.node.user_properties.extend(written.data().items())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Keep what a test raised for what is written down of it."""
    if call.when == "call":
        item.stash[RAISED] = call.excinfo.value if call.excinfo else None
    return (yield)


def _each(infos: list[dict[str, Any]], name: str) -> str:
    return ", ".join(sorted({str(info.get(name, "")) for info in infos}))
