"""Rules on models that are served: whose they are, what they are, and what they bring along."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.labels import DOMAIN
from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.supply_chain import floating
from policies.verdict import Verdict

TYPES = ("kubernetes:serving.kserve.io/v1beta1:InferenceService",)
ABOUT = tuple(
    f"{DOMAIN}/model-{part}" for part in ("owner", "licence", "source", "revision", "card")
)
OWNER, LICENCE, SOURCE, REVISION, CARD = ABOUT
"""Annotations of an InferenceService: whose the model is, its licence as SPDX writes it, where it
is from and in which revision (addresses), and where its model card is."""

SCHEMES = ("s3", "gs", "pvc", "models", "oci", "hf")
FLOATING = frozenset(("main", "master", "head", "trunk", "latest"))
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
# A version of the registry by its number, or a model by its own id. Aliases and stages move.
REGISTERED = re.compile(r"/*([^/@]+/\d+|m-[0-9a-f]+)/?")
PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib")
REMOTE_CODE = re.compile(r"--trust[-_]remote[-_]code(?!\S)|--trust[-_]remote[-_]code=(?!false)\S*")
HUB = re.compile(r"--model[-_]id(?![-_\w])")
HUB_REVISION = re.compile(r"--(?:model[-_])?revision[=\s]+(\S+)")
# Licences of SPDX's list without a number in their name, and what those with one begin with: a copy
# of the whole list would soon be out of date.
PLAIN = re.compile(
    r"0bsd|beerware|bitstream-vera|blessing|curl|ftl|hpnd|icu|ijg|info-zip|isc|json|libpng|mit"
    r"|mit-0|mit-cmu|mit-modern-variant|ms-pl|ms-rl|naist-2003|ncsa|net-snmp|nist-pd|ntp|openssl"
    r"|postgresql|ruby|sleepycat|tcl|unlicense|vim|w3c|wtfpl|x11|xnet|zlib"
)
NUMBERED = re.compile(
    r"(0bsd|afl|agpl|apache|apsl|artistic|blueoak|bsd|bsl|busl|bzip2|c-uda|cal|cc|cc0|cddl|cdla"
    r"|cecill|coil|community-spec|cpal|cpl|dl-de|ecl|efl|elastic|epl|etalab|eupl|gfdl|gpl"
    r"|hippocratic|intel|ipl|lgpl|liliq|lppl|mpl|mulanpsl|nasa|npl|nposl|o-uda|odbl|odc|ofl|ogl"
    r"|oldap|openmdw|osl|parity|pddl|php|polyform|psf|python|qpl|rpl|spl|sspl|unicode|upl|w3c|zpl)"
    r"(-[a-z0-9.]+)*-v?\d+(\.\d+)*(-[a-z0-9.]+)*\+?"
)
OWN_LICENCE = re.compile(r"(documentref-[a-z0-9.-]+:)?licenseref-[a-z0-9.-]+")
# Keys on the way to a model and its server. A value that is unknown there may hide one.
_SERVER = frozenset(
    (
        *("spec", "predictor", "transformer", "explainer", "model", "workerSpec"),
        *("sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface"),
        *("pmml", "lightgbm", "paddle"),
    )
)
_STORAGE = _SERVER | {"storage", "storageUris"}
_STARTED = _SERVER | {"containers", "command", "args"}


def told(resource: Resource, _: Ground) -> Verdict:
    """Fail for a model of which nobody says whose, what and of which revision it is."""
    failures, undecided = [], []
    for name in ABOUT:
        value = resource.annotation(name)
        if value is UNKNOWN:
            undecided.append(f"metadata.annotations['{name}'] is not known yet")
        elif not value or not value.strip():
            failures.append(f"metadata.annotations['{name}'] is missing")
        elif fault := _fault(name, value.strip()):
            failures.append(f"metadata.annotations['{name}'] {fault}")
    return Verdict.of(failures, undecided)


def _fault(name: str, value: str) -> str | None:
    if name == LICENCE and not is_licence(value):
        return "is no licence as SPDX writes them"
    if name in (SOURCE, CARD) and not ADDRESS.fullmatch(value):
        return "is no address"
    if name == REVISION and value.lower() in FLOATING:
        return "floats: another model may have it tomorrow"
    return None


def is_licence(text: str) -> bool:
    """Say whether a text is a licence, or several, as SPDX writes them."""
    signs = ""
    for word in re.findall(r"[()]|[^\s()]+", text):
        name = word.lower()
        if name in ("and", "or", "with"):
            signs += name[0]
        elif signs.endswith("w"):
            signs += "e" if re.fullmatch(r"[a-z0-9.-]+", name) else "?"
        elif any(form.fullmatch(name) for form in (PLAIN, NUMBERED, OWN_LICENCE)):
            signs += "l"
        else:
            signs += name if name in ("(", ")") else "?"
    before = ""
    while signs != before:
        before, signs = signs, re.sub(r"lwe|l[ao]l|\(l\)", "l", signs)
    return signs == "l"


def fixed_models(resource: Resource, _: Ground) -> Verdict:
    """Fail for a model from elsewhere than is allowed, or of a revision that floats."""
    failures, hidden = [], _hidden(resource.props, _STORAGE | _STARTED)
    undecided = [f"{place} is not known yet" for place in hidden]
    for place, address in _addresses(resource.props):
        if address is UNKNOWN:
            undecided.append(f"{place} is not known yet")
        elif isinstance(address, str) and address and (fault := _floats(address)):
            failures.append(f"{place} {fault}")
    for place, words in _commands(resource.props):
        if HUB.search(words):
            revision = HUB_REVISION.search(words)
            # What is not known may be the revision.
            missing = not revision and place not in hidden
            if missing or (revision and revision[1].lower() in FLOATING):
                failures.append(f"{place} names a model of the hub and no revision of it")
    return Verdict.of(failures, undecided)


def _floats(address: str) -> str | None:
    """Say what is wrong with the address of a model, as the end of a sentence."""
    scheme, _, rest = address.partition(":")
    path = rest.removeprefix("//").rstrip("/")
    if scheme not in SCHEMES:
        return f"has none of the schemes {', '.join(SCHEMES)}"
    if scheme == "hf":
        revision = path.partition(":")[2]
        moves = not revision or revision.lower() in FLOATING
    elif scheme == "oci":
        moves = floating(path)
    elif scheme == "models":
        moves = not REGISTERED.fullmatch(path)
    else:
        moves = path.rpartition("/")[2].lower() in FLOATING
    return "names no revision, or one that floats" if moves else None


def no_remote_code(resource: Resource, _: Ground) -> Verdict:
    """Fail for a server that runs programs which come with a model."""
    hidden = _hidden(resource.props, _STARTED | {"env"})
    failures, undecided = [], [f"{place} is not known yet" for place in hidden]
    for place, words in _commands(resource.props):
        if REMOTE_CODE.search(words.lower()):
            failures.append(f"{place} lets the model bring programs: --trust-remote-code")
    for place, node in _mappings(resource.props):
        if node.get("name") == "TRUST_REMOTE_CODE":
            value = node.get("value")
            if value is UNKNOWN:
                undecided.append(f"{place}value is not known yet")
            elif str(value).lower() in ("true", "1", "yes"):
                failures.append(f"{place}name lets the model bring programs: TRUST_REMOTE_CODE")
    return Verdict.of(failures, undecided)


def no_pickles(resource: Resource, _: Ground) -> Verdict:
    """Fail for a file of a model that is a program to whoever loads it."""
    hidden = _hidden(resource.props, _STORAGE)
    failures, undecided = [], [f"{place} is not known yet" for place in hidden]
    for place, address in _addresses(resource.props):
        if address is UNKNOWN:
            undecided.append(f"{place} is not known yet")
        elif isinstance(address, str) and not address.startswith("oci:"):
            file = address.partition("?")[0].rstrip("/").lower()
            if file.endswith(PICKLED):
                failures.append(f"{place} is a pickle, or may be one")
    return Verdict.of(failures, undecided)


def _addresses(props: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every address of a model as (place, address)."""
    for place, node in _mappings(props):
        if "storageUri" in node:
            yield f"{place}storageUri", node["storageUri"]
        several = node.get("storageUris")
        for index, one in enumerate(several if isinstance(several, list) else ()):
            if isinstance(one, Mapping):
                yield f"{place}storageUris[{index}].uri", one.get("uri")


def _commands(props: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what each container is started with, as one text."""
    for place, node in _mappings(props):
        for key in ("command", "args"):
            said = node.get(key)
            if isinstance(said, list):
                yield f"{place}{key}", " ".join(word for word in said if isinstance(word, str))


def _hidden(props: Mapping[str, Any], keys: frozenset[str]) -> list[str]:
    """Return the places that are unknown on the way to something."""
    return [
        f"{place}{key}"
        for place, node in _mappings(props)
        for key, value in node.items()
        if key in keys
        and (value is UNKNOWN or (isinstance(value, list) and any(v is UNKNOWN for v in value)))
    ]


def _mappings(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping below ``node`` with its place."""
    if isinstance(node, Mapping):
        yield place, node
        for key, value in node.items():
            yield from _mappings(value, f"{place}{key}.")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _mappings(value, f"{place}{index}.")


def _ours(reference: str) -> tuple[Framework, ...]:
    return (Framework("AI supply chain", "1.0", reference),)


RULES = (
    Rule(
        id="CNAI-MOD-001",
        title="A served model says whose it is, its licence, its source, its revision and its card",
        severity=Severity.MEDIUM,
        scope=Scope.TEAM,
        types=TYPES,
        frameworks=_ours("models are known: owner, licence, source, revision, card"),
        rationale=(
            "Who has to answer for a model, or may use it at all, is asked when it is too late to"
            " look it up."
        ),
        remedy=(
            f"Set the annotations {', '.join(ABOUT)}; a licence is an SPDX expression such as"
            " Apache-2.0, or LicenseRef-name for one that SPDX does not list."
        ),
        check=told,
    ),
    Rule(
        id="CNAI-MOD-002",
        title="A served model comes from an allowed place, in one revision",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=TYPES,
        frameworks=(
            *_ours("models are pinned"),
            Framework("SLSA", "1.0", "consuming artifacts: what was built is what runs"),
        ),
        rationale="What was evaluated is what answers only when an address means one model.",
        remedy=(
            "Name a version: models:/name/3, hf://org/name:commit, oci://registry/name@digest, or"
            " a folder of a bucket that is written once."
        ),
        check=fixed_models,
    ),
    Rule(
        id="CNAI-MOD-003",
        title="No server runs programs that come with a model",
        severity=Severity.CRITICAL,
        scope=Scope.TEAM,
        types=TYPES,
        frameworks=_ours("models bring no programs"),
        rationale="With it, whoever can change a model's repository runs in the cluster.",
        remedy="Take --trust-remote-code out; build an image with the model's code instead.",
        check=no_remote_code,
    ),
    Rule(
        id="CNAI-MOD-004",
        title="No served model is a pickle",
        severity=Severity.LOW,
        scope=Scope.TEAM,
        types=TYPES,
        frameworks=_ours("models bring no programs"),
        rationale="To load a pickle is to run it: it may do whatever the server may.",
        remedy="Store the weights as safetensors or ONNX, or name the folder of an MLflow model.",
        check=no_pickles,
        mandatory=False,
    ),
)
