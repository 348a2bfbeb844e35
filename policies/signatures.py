"""The twin that asks registries for signatures, made of whom an environment trusts. Pure.

What is the same everywhere stands in ``policies/kyverno/cnai-sup-006.yaml``; laid in here is what
:class:`policies.ground.Signers` say. It is one policy for all of them, and names each image once:
Kyverno 1.19 keeps a lock of an image that it has read already, and waits for ever for the next one
that it has not, as a second policy or an image that is named twice would have it do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from policies.ground import Ground, Signers

if TYPE_CHECKING:
    from policies.catalog import Rule

KIND = "ImageValidatingPolicy"
ANY = "*"
IMAGES = "images.containers"
"""Where Kyverno has what the twin has picked of an object."""
TAGGED = "Name it by its digest: a tag may mean another image tomorrow"
HUB = r"(?:docker\.io|index\.docker\.io|registry-1\.docker\.io)"
"""One registry under three names: what is pulled from any of them is the same."""


def beginning(said: str) -> str:
    """Return the pattern of the full names of images that begin as is said.

    As names of hosts, it has no case; a host without a port is the one with that of HTTPS.
    """
    if said == ANY:
        return "^"
    rest = said.removesuffix(ANY)
    host, slash, path = rest.partition("/")
    bare, _, port = host.partition(":")
    at = HUB if bare == "docker.io" else re.escape(bare)
    at += f":{port}" if port not in ("", "443") else "(?::443)?"
    open_ended = said != rest or rest[-1:] in ("/", ":", "@")
    end = "" if open_ended else "(?:$|[/:@])" if slash else "/"
    return f"^{at}{slash}{re.escape(path)}{end}"


def names(signers: Iterable[Signers]) -> str:
    """Return the pattern of the images that any of the signers has to have signed."""
    return f"(?i){'|'.join(beginning(said) for each in signers for said in each.images)}"


def laid(rule: Rule, said: Mapping[str, Any], ground: Ground) -> dict[str, Any]:
    """Lay what an environment says into the twin: names, attestors, credentials and decisions."""
    numbered = list(enumerate(ground.signers))
    secrets = dict.fromkeys(secret for signers in ground.signers for secret in signers.secrets)
    plain = any(signers.plain_http for signers in ground.signers)
    # Said only where it is: with it, Kyverno looks for no other credentials.
    login = {
        **({"secrets": list(secrets)} if secrets else {}),
        **({"allowInsecureRegistry": True} if plain else {}),
    }
    return {
        **said,
        "spec": {
            **said["spec"],
            "matchImageReferences": [{"expression": f"ref.matches(r'{names(ground.signers)}')"}],
            **({"credentials": login} if login else {}),
            "attestors": [a for number, each in numbered for a in attestors(number, each)],
            "validations": [
                _validation(rule, "!i.contains('@')", "false", TAGGED),
                *(
                    _validation(rule, f"i.matches(r'{names([each])}')", _signed(n, each))
                    for n, each in numbered
                ),
            ],
        },
    }


def attestors(number: int, signers: Signers) -> list[dict[str, Any]]:
    """Return whom Kyverno asks whether it was them: one for each key, or one identity."""
    if not signers.keys:
        identity = {"issuer": signers.issuer, **_subject(signers.subject)}
        return [{"name": f"s{number}k0", "cosign": {"keyless": {"identities": [identity]}}}]
    # A key says by itself who signed: no log has to be asked, so it works without the Internet.
    return [
        {
            "name": f"s{number}k{place}",
            "cosign": {"key": {"data": key}, "ctlog": {"insecureIgnoreTlog": True}},
        }
        for place, key in enumerate(signers.keys)
    ]


def _subject(said: str) -> dict[str, str]:
    if ANY not in said:
        return {"subject": said}
    return {"subjectRegExp": f"^{'.*'.join(re.escape(part) for part in said.split(ANY))}$"}


def _signed(number: int, signers: Signers) -> str:
    """Return what says whether an image ``i`` is signed by one of them.

    One is asked at a time: Kyverno remembers an image as signed when all that it asked say so.
    """
    known = (each["name"] for each in attestors(number, signers))
    return " || ".join(f"verifyImageSignatures(i, [attestors.{name}]) > 0" for name in known)


def _validation(rule: Rule, which: str, good: str, remedy: str = "") -> dict[str, Any]:
    """Return what refuses images, of those that something is true of, unless they are good."""
    about = f"{IMAGES}.filter(i, {which})"
    before = json.dumps(f"{rule.id}: {rule.title}: ", ensure_ascii=False)
    after = json.dumps(f". {f'{remedy}. ' if remedy else ''}{rule.remedy}", ensure_ascii=False)
    return {
        "expression": f"{about}.all(i, {good})",
        "messageExpression": f"{before} + {about}.join(', ') + {after}",
    }
