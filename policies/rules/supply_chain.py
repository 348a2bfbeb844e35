"""Rules on where what runs comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at, containers, hidden, volumes
from policies.verdict import PASS, Verdict

DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
VERSION = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
# A folder or an archive at hand, or one whose address names its version.
LOCAL = re.compile(r"(/|\.{1,2}(/|$)|file:|[A-Za-z]:\\).*|.*\.tgz", re.DOTALL)


def tag(image: str) -> str | None:
    """Return what pins an image: its digest, else its tag; None when it has neither.

    A colon before the last slash belongs to a port of the registry.
    """
    name, _, digest = image.partition("@")
    if digest:
        return digest
    _, colon, found = name.rpartition("/")[2].partition(":")
    return found if colon and found else None


def _images(props: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every image as (place, name): those of containers, and those that are volumes."""
    for place, container in containers(props):
        yield place, container.get("image")
    for place, volume in volumes(props):
        yield place, at(volume, "image", "reference")


def _judge_images(resource: Resource, fault: Callable[[str], str | None]) -> Verdict:
    """Fail for each image with a fault, which is the end of a sentence."""
    failures, undecided = [], [f"{place} is not known yet" for place in hidden(resource.props)]
    for place, image in _images(resource.props):
        if image is UNKNOWN:
            undecided.append(f"the image of {place} is not known yet")
        elif isinstance(image, str) and image and (found := fault(image)):
            failures.append(f"{place} runs `{image}`, {found}")
    return Verdict.of(failures, undecided)


def fixed_image_tags(resource: Resource, _: Ground) -> Verdict:
    """Fail for an image without a tag, or with ``latest``."""
    floats = "whose content may change at any time"
    return _judge_images(resource, lambda image: floats if floating(image) else None)


def floating(image: str) -> bool:
    """Say whether the name of an image means one content today and perhaps another tomorrow."""
    return tag(image) in (None, "latest")


def known_registries(resource: Resource, ground: Ground) -> Verdict:
    """Fail for an image from elsewhere than the environment allows."""

    def fault(image: str) -> str | None:
        allowed = any(begins(_full(image), said) for said in ground.registries)
        return None if allowed else "which is from no registry of the environment"

    return _judge_images(resource, fault) if ground.registries else PASS


def _full(image: str) -> str:
    """Return the name of an image with its registry, as container runtimes complete it."""
    first, slash, _ = image.partition("/")
    if slash and (first == "localhost" or set(".:") & set(first)):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def begins(name: str, said: str) -> bool:
    """Say whether a name begins with what is said, and not just with its letters."""
    ends = said[-1:] in ("/", ":", "@")
    return name.startswith(said) and (ends or name[len(said) :][:1] in ("", "/", ":", "@"))


def image_digests(resource: Resource, ground: Ground) -> Verdict:
    """Fail, in production, for an image that no digest pins."""

    def fault(image: str) -> str | None:
        return None if DIGEST.fullmatch(image.partition("@")[2]) else "which no digest pins"

    return _judge_images(resource, fault) if ground.production else PASS


def fixed_charts(resource: Resource, _: Ground) -> Verdict:
    """Fail for a Helm chart of no single version, or one that comes over plain HTTP."""
    props, failures, undecided = resource.props, [], []
    for place, address in _addresses(props):
        if address is UNKNOWN:
            undecided.append(f"{place} is not known yet")
        elif isinstance(address, str) and address.lower().startswith("http://"):
            failures.append(f"{place} is an address of plain HTTP")
    if (plain := props.get("plainHttp")) is UNKNOWN:
        undecided.append("plainHttp is not known yet")
    elif plain is True:
        failures.append("plainHttp is set")
    chart, version = props.get("chart"), props.get("version")
    if isinstance(chart, str) and not _pinned(chart):
        if version is UNKNOWN:
            undecided.append("version is not known yet")
        elif not (isinstance(version, str) and VERSION.fullmatch(version)):
            failures.append("version names no single release of the chart")
    return Verdict.of(failures, undecided)


def _addresses(props: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "chart", props.get("chart")
    for key in ("repositoryOpts", "fetchOpts"):
        yield f"{key}.repo", at(props, key, "repo")


def _pinned(chart: str) -> bool:
    """Say whether the name of a chart is that of one content."""
    if chart.startswith("oci://"):
        pin = tag(chart.removeprefix("oci://")) or ""
        return bool(DIGEST.fullmatch(pin) or VERSION.fullmatch(pin))
    return bool(LOCAL.fullmatch(chart))


RULES = (
    Rule(
        id="CNAI-SUP-001",
        title="Images carry a tag that does not float, or a digest",
        severity=Severity.HIGH,
        scope=Scope.CLUSTER,
        types=("kubernetes:*",),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.5.1 image provenance"),
            Framework("SLSA", "1.0", "consuming artifacts: what was built is what runs"),
        ),
        rationale="What was tested is what runs only when the name of an image means one content.",
        remedy="Name a release, as in registry/name:1.2.3, or better a digest.",
        check=fixed_image_tags,
    ),
    Rule(
        id="CNAI-SUP-002",
        title="Images come from the registries of the environment",
        severity=Severity.HIGH,
        scope=Scope.CLUSTER,
        types=("kubernetes:*",),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.5.1 image provenance"),
            Framework("CIS Amazon EKS Benchmark", "1.8", "5.1.4 approved registries"),
            Framework("CIS Google Kubernetes Engine Benchmark", "1.9", "5.1.4 trusted images"),
        ),
        rationale="An image from anywhere is a program of anybody.",
        remedy="Copy the image into a registry of the environment, or ask for its own to be added.",
        check=known_registries,
    ),
    Rule(
        id="CNAI-SUP-003",
        title="In production, images are pinned by digest",
        severity=Severity.MEDIUM,
        scope=Scope.CLUSTER,
        types=("kubernetes:*",),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.5.1 image provenance"),
            Framework("SLSA", "1.0", "consuming artifacts: what was built is what runs"),
        ),
        rationale="A tag is moved by whoever may push; a digest means one content for ever.",
        remedy="Name the image with its digest, as in registry/name:1.2.3@sha256:….",
        check=image_digests,
    ),
    Rule(
        id="CNAI-SUP-004",
        title="A Helm chart has one version, and does not come over plain HTTP",
        severity=Severity.HIGH,
        scope=Scope.PROGRAM,
        types=(
            *("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v3:Chart"),
            "kubernetes:helm.sh/v4:Chart",
        ),
        frameworks=(Framework("SLSA", "1.0", "consuming artifacts: what was built is what runs"),),
        rationale="A range is another chart next week, and plain HTTP anybody's on the way.",
        remedy="Set version to one release, as in 1.2.3, and take it from https:// or oci://.",
        check=fixed_charts,
        live=False,
    ),
)
