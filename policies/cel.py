"""What twins may name in their CEL: texts made of what the rules themselves go by. Pure.

In a twin ``${device}`` stands for the text of that name, so that a rule and its twin cannot come
to mean different things. Patterns are of RE2, which looks neither ahead nor back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from components.labels import ADDON, TENANT
from policies import signatures
from policies.ground import Ground
from policies.rules import devices, exposure, models, quota
from policies.rules.gpu import ACCELERATOR
from policies.rules.supply_chain import DIGEST

ADMINISTRATORS = ("system:masters", "kubeadm:cluster-admins")
"""Groups of who administers a cluster that kubeadm made, or that knows no other."""

PODS = (
    "(o.kind == 'Pod' ? [o.spec] :"
    " o.kind == 'CronJob' ? [o.spec.jobTemplate.spec.template.spec] :"
    " o.kind == 'JobSet' ?"
    " o.spec.?replicatedJobs.orValue([]).map(r, r.template.spec.template.spec) :"
    " o.kind == 'TrainJob' ? [dyn({'containers':"
    " [o.spec.?trainer, o.spec.?initializer.?dataset, o.spec.?initializer.?model]"
    ".filter(part, part.hasValue()).map(part, {'image': dyn(part.value().?image.orValue('')),"
    " 'env': dyn(part.value().?env.orValue([])),"
    " 'resources': dyn(part.value().?resourcesPerNode.orValue({}))})})] :"
    " o.?spec.?template.?spec.hasValue() ? [o.spec.template.spec] : [])"
)
"""The specifications of the pods of an object ``o``, however deep they lie in it."""
_ASKING = "pod.?containers.orValue([]) + pod.?initContainers.orValue([])"
ASKING = f"({_ASKING})"
"""The containers of a pod that can ask for something."""
CONTAINERS = f"({_ASKING} + pod.?ephemeralContainers.orValue([]))"
IMAGES = (
    f"({CONTAINERS}.filter(c, has(c.image)).map(c, c.image) + pod.?volumes.orValue([])"
    ".filter(v, has(v.image)).map(v, v.image.?reference.orValue(''))).filter(i, i != '')"
)
"""The images of a pod: those of containers, and those that are volumes."""
_COMPONENTS = (
    "([o.spec.?predictor, o.spec.?transformer, o.spec.?explainer].filter(c, c.hasValue())"
    ".map(c, c.value()) + o.spec.?canary.orValue([]).filter(c, has(c.predictor))"
    ".map(c, c.predictor))"
)
SERVING = f"({_COMPONENTS} + {_COMPONENTS}.filter(c, has(c.workerSpec)).map(c, c.workerSpec))"
"""The parts of an InferenceService that pods are made of."""
SERVERS = (
    "([part] + part.filter(key, type(part[key]) == map).map(key, part[key])"
    " + part.?containers.orValue([]) + part.?initContainers.orValue([]))"
)
"""What may say a model and a command in such a part: itself, a framework, a container."""
MODELS = (
    f"{SERVING}.map(part, {SERVERS}.map(server, ([server.?storageUri.orValue('')]"
    " + server.?storageUris.orValue([]).map(one, one.?uri.orValue('')))"
    ".filter(a, a.matches(r'^oci([+][a-z]+)?://'))"
    ".map(a, a.substring(a.indexOf('://') + 3)))).flatten(2)"
)
"""The models of an InferenceService that lie in a registry, as images do."""
_COMPLETED = (
    "i.matches(r'^(localhost|[^/]*[.:][^/]*)/') ? i :"
    " i.contains('/') ? 'docker.io/' + i : 'docker.io/library/' + i"
)


def pulled(of: str) -> str:
    """Return the images and models that an object has pulled, each once and by its full name."""
    images = f"(o.kind == 'InferenceService' ? {MODELS} : {PODS}.map(pod, {IMAGES}).flatten())"
    return f"[dyn({of})].map(o, {images}.map(i, {_COMPLETED}).distinct())[0]"


BROUGHT = (
    f"[request.operation == 'UPDATE' ? {pulled('oldObject')} : []]"
    f".map(before, {pulled('object')}.filter(i, !(i in before)))[0]"
)
"""What an object would have pulled that it did not before."""
SHARED = (
    "('ReadWriteMany' in claim.?accessModes.orValue([])"
    " && claim.?storageClassName.orValue('') == '' && claim.?volumeName.orValue('') == '')"
)
"""A claim for pods on many nodes, which says nothing of where."""


def listed(texts: Iterable[str]) -> str:
    """Return texts as a list of CEL."""
    return f"[{', '.join(quoted(text) for text in texts)}]"


def quoted(text: str) -> str:
    """Return a text, or a pattern, as CEL writes it. Raises ValueError for one with a quote."""
    if "'" in text or "\n" in text:
        raise ValueError(f"it cannot be quoted: {text}")
    return f"r'{text}'"


def whole(pattern: str) -> str:
    """Return a pattern that is of a whole text."""
    return f"^(?:{pattern})$"


_LICENCE = "|".join(part.pattern for part in (models.PLAIN, models.NUMBERED, models.OWN_LICENCE))
_TERM = rf"(?:{_LICENCE})(?:[\s()]+with[\s()]+[a-z0-9.-]+)?"
LICENCE = rf"(?i)^[\s(]*{_TERM}(?:[\s()]+(?:and|or)[\s()]+{_TERM})*[\s)]*$"
"""A licence as SPDX writes it; that parentheses are closed is for the rule to see."""
_FLOATING = "|".join(sorted(models.FLOATING))
FIXED_IMAGE = r"@.|^(?:[^@]*/)?[^/:@]*:[^/@]+@?$"
FLOATING_IMAGE = r"@latest$|^[^@]*:latest@?$"
FIXED_MODEL = (
    r"^(?:(?:s3|gs|pvc):|models:/*(?:[^/@]+/\d+|m-[0-9a-f]+)/*$|hf:[^:]*:.*[^/]"
    r"|oci:.*@.*[^/]|oci:(?://)?(?:[^@]*/)?[^/:@]*:[^/@]+@?/*$)"
)
FLOATING_MODEL = (
    rf"^(?:s3|gs|pvc):(?:.*/)?(?i:{_FLOATING})/*$|^hf:[^:]*:(?i:{_FLOATING})/*$"
    r"|^oci:(?:.*@latest|[^@]*:latest@?)/*$"
)
HUB = r"--model[-_]id([^-_\w]|$)"
HUB_REVISION = r"--(?:model[-_])?revision[=\s]+\S"
HUB_FLOATING = rf"(?i)--(?:model[-_])?revision[=\s]+(?:{_FLOATING})(?:\s|$)"
REMOTE_CODE = (
    r"(?i)--trust[-_]remote[-_]code(?:\s|$|=(?:[^f]|$|f(?:[^a]|$)|fa(?:[^l]|$)|fal(?:[^s]|$)"
    r"|fals(?:[^e]|$)))"
)


def _asks() -> str:
    """Return what says whether a pod asks for a device; none of a device is none."""
    return (
        f"(size(pod.?resourceClaims.orValue([])) > 0 || {ASKING}.exists(c,"
        " ['limits', 'requests'].exists(part, c.?resources[?part].orValue({}).exists(name,"
        f" name.matches({quoted(whole(ACCELERATOR.pattern))})"
        " && quantity(string(c.resources[part][name])).compareTo(quantity('0')) != 0))))"
    )


def platform(ground: Ground) -> str:
    """Return what says whether a request is the platform's own."""
    names = listed((*ADMINISTRATORS, *ground.platform))
    return (
        f"(request.userInfo.username in {names}"
        f" || request.userInfo.?groups.orValue([]).exists(g, g in {names}))"
    )


def registries(ground: Ground) -> str:
    """Return the pattern of images, by their full name, that come from where they may."""
    ends = {True: "", False: "(?:$|[/:@])"}
    return "|".join(
        f"^{re.escape(said)}{ends[said[-1:] in ('/', ':', '@')]}" for said in ground.registries
    )


def words(ground: Ground) -> Mapping[str, str]:
    """Return what twins may name, by its name."""
    texts: dict[str, Any] = {
        "tenant": TENANT,
        "addon": ADDON,
        "accelerator": whole(ACCELERATOR.pattern),
        "visible": devices.VISIBLE,
        "mounted": devices.MOUNTED,
        "priority": quota.PRIORITY,
        "exposed": exposure.EXPOSED,
        "digest": f"@(?:{DIGEST.pattern})$",
        "registries": registries(ground),
        "signed": signatures.names(ground.signers),
        "licence_name": models.LICENCE,
        "revision_name": models.REVISION,
        "licence": LICENCE,
        "address": whole(models.ADDRESS.pattern),
        "fixed_image": FIXED_IMAGE,
        "floating_image": FLOATING_IMAGE,
        "fixed_model": FIXED_MODEL,
        "floating_model": FLOATING_MODEL,
        "hub": HUB,
        "hub_revision": HUB_REVISION,
        "hub_floating": HUB_FLOATING,
        "remote_code": REMOTE_CODE,
    }
    lists = {
        "hidden": [value for value in devices.HIDDEN if value is not None],
        "failing": devices.FAILING,
        "classes": quota.CLASSES,
        "about": models.ABOUT,
        "addresses": (models.SOURCE, models.CARD),
        "floating": sorted(models.FLOATING),
        "outside": exposure.OUTSIDE,
    }
    return {
        **{name: quoted(text) for name, text in texts.items()},
        **{name: listed(said) for name, said in lists.items()},
        "pods": PODS,
        "asking": ASKING,
        "containers": CONTAINERS,
        "asks": _asks(),
        "shared": SHARED,
        "brought": BROUGHT,
        "platform": platform(ground),
    }
