"""Rules on where what runs comes from."""

from __future__ import annotations

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import containers, hidden
from policies.verdict import Verdict


def tag(image: str) -> str | None:
    """Return what pins an image: its digest, else its tag; None when it has neither.

    A colon before the last slash belongs to a port of the registry.
    """
    name, _, digest = image.partition("@")
    if digest:
        return digest
    _, colon, found = name.rpartition("/")[2].partition(":")
    return found if colon and found else None


def fixed_image_tags(resource: Resource, _: Ground) -> Verdict:
    """Fail for an image without a tag, or with ``latest``."""
    failures, undecided = [], [f"{place} is not known yet" for place in hidden(resource.props)]
    for place, container in containers(resource.props):
        image = container.get("image")
        if image is UNKNOWN:
            undecided.append(f"the image of {place} is not known yet")
        elif isinstance(image, str) and image and tag(image) in (None, "latest"):
            failures.append(f"{place} runs `{image}`, whose content may change at any time")
    return Verdict.of(failures, undecided)


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
)
