"""PRODUCT.yaml: the program's own template, filled with what was found. Pure.

Ids, descriptions and levels are the program's: they are read from the file that the user names,
and stay as they are, to the letter.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from policies.conformance.requirements import ENVIRONMENTS, Requirement, of_version
from policies.conformance.result import Outcome, Result, conformant

KEPT = ("id", "description", "level")
"""Fields of a requirement that are the program's own."""
STATUS = {
    Outcome.IMPLEMENTED: "Implemented",
    Outcome.PARTIAL: "Partially Implemented",
    Outcome.NOT_IMPLEMENTED: "Not Implemented",
    Outcome.NOT_APPLICABLE: "N/A",
    Outcome.FAILED: "Not Implemented",
    Outcome.NOT_RUN: "Not Implemented",
}


class TemplateError(ValueError):
    """A template that is none of the version that was asked for."""


def product(template: str, version: str, environment: str, results: Sequence[Result]) -> str:
    """Return the text of PRODUCT.yaml: the template with status, evidence, notes and layer.

    Raises TemplateError when the template does not fit the version, and KeyError when there is no
    result of a requirement.
    """
    document = _read(template)
    asked = {each.id: each for each in of_version(version)}
    _fit(document, version, asked)
    before = [_own(entry) for entry in _entries(document)]
    by_id = {result.id: result for result in results}
    for entry in _entries(document):
        requirement, result = asked[entry["id"]], by_id[entry["id"]]
        evidence = [f"file://{result.evidence}"] if result.evidence else []
        entry["status"] = status(requirement, result)
        # Earlier templates have one text there, later ones a list.
        as_list = isinstance(entry.get("evidence"), list)
        entry["evidence"] = evidence if as_list else "".join(evidence)
        entry["notes"] = notes(requirement, result, environment)
        entry["layer"] = {where: str(requirement.layers[where]) for where in ENVIRONMENTS}
    written = _write(document)
    if [_own(entry) for entry in _entries(_read(written))] != before:
        raise TemplateError("the template cannot be filled without changing the program's texts")
    return written


def status(requirement: Requirement, result: Result) -> str:
    """Return the program's word; what was seen on a lesser device only is half of it at best."""
    if result.outcome is Outcome.IMPLEMENTED and not conformant(requirement, result):
        return STATUS[Outcome.PARTIAL]
    return STATUS[result.outcome]


def notes(requirement: Requirement, result: Result, environment: str) -> str:
    """Return what a reader has to know beside the status."""
    said = [_sentence(result.reason)] if result.reason else []
    if result.outcome is Outcome.IMPLEMENTED and not result.device.shows(requirement.needs):
        needed = f"evidence for conformance needs a {requirement.needs} one"
        said.append(f"Seen with device {result.device}; {needed}.")
    elif result.outcome is Outcome.FAILED:
        said.insert(0, "The test has failed.")
    elif result.outcome is Outcome.NOT_RUN:
        said.insert(0, "The test has not run.")
    layer = requirement.layers.get(environment)
    return " ".join([*said, f"Device: {result.device}.", f"Layer on {environment}: {layer}."])


def _sentence(said: str) -> str:
    flat = " ".join(said.split())
    return flat if flat.endswith((".", "!", "?")) else f"{flat}."


def _fit(document: Any, version: str, asked: Mapping[str, Requirement]) -> None:
    metadata = document.get("metadata") if isinstance(document, Mapping) else None
    told = str((metadata or {}).get("kubernetesVersion") or "").removeprefix("v")
    if told != version:
        raise TemplateError(f"the template is for version {told or '(none)'}, not for {version}")
    listed = [str(entry.get("id")) for entry in _entries(document)]
    if twice := sorted({id_ for id_ in listed if listed.count(id_) > 1}):
        raise TemplateError(f"the template names twice: {', '.join(twice)}")
    if strange := sorted(set(listed) - set(asked)):
        raise TemplateError(f"the template asks for what version {version} does not know here:"
                            f" {', '.join(strange)}")  # fmt: skip
    if missing := sorted(set(asked) - set(listed)):
        raise TemplateError(f"the template of version {version} lacks: {', '.join(missing)}")
    for entry in _entries(document):
        level = asked[entry["id"]].levels[version]
        if entry.get("level") != level:
            raise TemplateError(
                f"{entry['id']} is {entry.get('level')} in the template and {level} here"
            )


def _entries(document: Any) -> Iterator[Any]:
    spec = document.get("spec") if isinstance(document, Mapping) else None
    if not isinstance(spec, Mapping):
        raise TemplateError("the template has no `spec` with groups of requirements")
    for name, group in spec.items():
        if not isinstance(group, list) or not all(isinstance(entry, Mapping) for entry in group):
            raise TemplateError(f"`spec.{name}` of the template is no list of requirements")
        yield from group


def _own(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry.get(field)) for field in KEPT)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # a text that is broken into lines is another text to a reader
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _read(text: str) -> Any:
    try:
        return _yaml().load(text)
    except YAMLError as error:
        said = " ".join(str(error).split())[:300]
        raise TemplateError(f"the template is no YAML: {said}") from None


def _write(document: Any) -> str:
    out = io.StringIO()
    _yaml().dump(document, out)
    return out.getvalue()
