from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stacks.settings import load
from tools.errors import ProblemError

PAIR = ec.generate_private_key(ec.SECP256R1())
PUBLIC = (
    PAIR.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
PRIVATE = PAIR.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
KEYLESS = {"issuer": "https://accounts.test", "subject": "https://code.test/acme/*"}


def said(**more: Any) -> dict[str, Any]:
    return {"signatures": [{"images": ["ghcr.io/acme"], "keys": [PUBLIC], **more}]}


def test_a_key_is_taken_as_cosign_writes_it() -> None:
    (signatures,) = load(said(keys=[f"\n{PUBLIC}\n"])).signatures
    assert signatures.keys == (PUBLIC,)


@pytest.mark.parametrize(
    "image",
    ["*", "ghcr.io", "ghcr.io/acme/app-*", "registry:5000/a", "localhost/a", "10.0.0.1:5000/"],
)
def test_beginnings_of_names_are_taken(image: str) -> None:
    assert load(said(images=[image])).signatures[0].images == (image,)


@pytest.mark.parametrize(
    ("more", "key", "why"),
    [
        ({"keys": [PRIVATE]}, "keys.0", "is a private key"),
        ({"keys": ["ssh-ed25519 AAAA"]}, "keys.0", "no public key as PEM"),
        ({"keys": [PUBLIC.replace("M", "!", 1)]}, "keys.0", "no public key as PEM"),
        ({"keys": []}, "signatures.0", "neither keys nor keyless"),
        ({"keyless": KEYLESS}, "signatures.0", "or both"),
        ({"images": []}, "signatures.0", "at least one"),
        ({"images": ["acme/app"]}, "images.0", "with its registry"),
        ({"images": ["ghcr.io/*/app"]}, "images.0", "with its registry"),
        ({"images": ["ghcr.io/a'b"]}, "images.0", "with its registry"),
        ({"secrets": ["Not A Name"]}, "secrets.0", "pattern"),
        ({"keys": [], "keyless": {**KEYLESS, "issuer": "http://a.test"}}, "issuer", "pattern"),
        ({"keys": [], "keyless": {**KEYLESS, "subject": "*"}}, "subject", "pattern"),
        ({"key": PUBLIC}, "signatures.0.key", "known are"),
    ],
)
def test_bad_input_is_an_error_record(more: dict[str, Any], key: str, why: str) -> None:
    with pytest.raises(ProblemError) as caught:
        load(said(**more))
    (problem,) = caught.value.problems
    assert problem.id == "CNAI-CONFIG-001"
    assert key in problem.what
    assert why in problem.why
    assert "PRIVATE KEY" not in str(problem)
