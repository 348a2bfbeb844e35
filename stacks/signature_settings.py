"""What a stack may say of who has to have signed its images and models."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from stacks.parts import Part

_PEM = re.compile(
    r"-----BEGIN PUBLIC KEY-----\n(?P<body>[A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\n"
)
_SEQUENCE = b"\x30"
"""What a key in ASN.1 begins with, as anything that has several parts."""
_HOST = r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9-]+(?=:))(:[0-9]+)?"
_BEGINNING = re.compile(rf"\*|{_HOST}(/[a-z0-9._/@:-]*\*?)?")


def _beginning(said: str) -> str:
    if not _BEGINNING.fullmatch(said):
        raise ValueError(
            "is not the beginning of a name with its registry, as in ghcr.io/acme, docker.io/acme,"
            " ghcr.io/acme/app-*; a `*` alone is everything"
        )
    return said


def _public_key(said: str) -> str:
    if "PRIVATE KEY" in said:
        raise ValueError("is a private key: it belongs to who signs; take it out, and make another")
    found = _PEM.fullmatch(said.strip() + "\n")
    try:
        key = base64.b64decode("".join(found["body"].split()), validate=True) if found else b""
    except binascii.Error:
        key = b""
    if key[:1] != _SEQUENCE:
        raise ValueError(
            "is no public key as PEM: the lines of cosign.pub, which `cosign generate-key-pair`"
            " writes, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----"
        )
    return said.strip() + "\n"


Beginning = Annotated[str, AfterValidator(_beginning)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
Secret = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]


class KeylessSettings(Part):
    """Who signs with a certificate of Sigstore: who says who it is, and as what.

    In ``subject`` a ``*`` stands for any text.
    """

    issuer: str = Field(pattern=r"^https://\S+$")
    subject: str = Field(pattern=r"^[^\s*]\S*$")


class SignatureSettings(Part):
    """Who has to have signed images, and models in registries, whose names begin so.

    ``images`` are beginnings of names, as in ``registries``; with a ``*`` at its end one may stop
    within a word, and alone it stands for everything. Any one of ``keys`` is enough (public, as
    PEM); or it is ``keyless``. ``secrets`` of the namespace ``kyverno`` have what logs in at the
    registries, ``plain_http`` lets them have no certificate.
    """

    images: tuple[Beginning, ...]
    keys: tuple[PublicKey, ...] = ()
    keyless: KeylessSettings | None = None
    secrets: tuple[Secret, ...] = ()
    plain_http: bool = False

    @model_validator(mode="after")
    def _whole(self) -> SignatureSettings:
        if not self.images:
            raise ValueError("images: at least one beginning of a name")
        if bool(self.keys) == bool(self.keyless):
            raise ValueError("says neither keys nor keyless, or both: it has to be one of them")
        return self
