"""The policy that asks for signatures: what it is about, whom it asks, and in which words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.labels import TENANT
from policies.catalog import Rule, rules
from policies.cel import BROUGHT
from policies.ground import Ground, Signers
from policies.guards import manifests
from policies.signatures import attestors, beginning, names
from stacks.compliance import ground, guards
from stacks.settings import load

(RULE,) = [rule for rule in rules() if rule.id == "CNAI-SUP-006"]
BY_KEYS = Signers(images=("ghcr.io/acme", "registry.test:5000/models/*"), keys=("ONE", "TWO"))
BY_NAME = Signers(
    images=("*",), issuer="https://accounts.test", subject="https://code.test/acme/*@refs/tags/v*"
)


def policy(*signers: Signers) -> dict[str, Any]:
    (made,) = manifests(RULE, Ground(signers=signers))
    spec: dict[str, Any] = made["spec"]
    return spec


def matches(said: str, image: str) -> bool:
    return bool(re.search(names([Signers(images=(said,))]), image))


@pytest.mark.parametrize(
    ("said", "image", "found"),
    [
        ("ghcr.io/acme", "ghcr.io/acme/app:1.2.3", True),
        ("ghcr.io/acme", "ghcr.io/acme@sha256:0", True),
        ("ghcr.io/acme", "ghcr.io/acme-evil/app:1", False),
        ("ghcr.io/acme/", "ghcr.io/acme/app", True),
        ("ghcr.io/acme/*", "ghcr.io/acme/app", True),
        ("ghcr.io/acme/app-*", "ghcr.io/acme/app-two", True),
        ("ghcr.io", "ghcr.io/anybody/app", True),
        ("ghcr.io", "ghcr.io.evil.test/app", False),
        ("ghcr.io/acme", "evil.test/ghcr.io/acme/app", False),
        ("ghcr.io/acme", "ghcrXio/acme/app", False),
        ("*", "docker.io/library/busybox", True),
        # The same place under other names.
        ("ghcr.io/acme", "GHCR.io/acme/app", True),
        ("ghcr.io/acme", "ghcr.io:443/acme/app", True),
        ("ghcr.io:443/acme", "ghcr.io/acme/app", True),
        ("ghcr.io/acme", "ghcr.io:444/acme/app", False),
        ("docker.io/acme", "index.docker.io/acme/app", True),
        ("docker.io/acme", "registry-1.docker.io/acme/app", True),
        ("registry.test:5000/a", "registry.test:5000/a/b", True),
        ("registry.test:5000/a", "registry.test/a/b", False),
    ],
)
def test_an_image_is_meant_by_the_beginning_of_its_name(
    said: str, image: str, *, found: bool
) -> None:
    assert matches(said, image) is found


def test_no_dot_of_a_name_is_any_letter() -> None:
    assert "ghcr\\.io" in beginning("ghcr.io/acme.app")
    assert "acme\\.app" in beginning("ghcr.io/acme.app")


def test_without_signers_there_is_no_policy() -> None:
    assert manifests(RULE) == []
    assert not [made for made in guards(load({})) if made["kind"] == "ImageValidatingPolicy"]


def test_it_holds_for_teams_and_lets_through_what_it_does_not_understand_never() -> None:
    spec = policy(BY_KEYS)
    assert spec["validationActions"] == ["Deny"]
    assert spec["failurePolicy"] == "Fail"
    where = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert where == [{"key": TENANT, "operator": "Exists"}]
    for listed in spec["matchConstraints"]["resourceRules"]:
        assert "*" not in listed["apiVersions"] + listed["resources"]
        if "pods" in listed["resources"]:
            assert "pods/ephemeralcontainers" in listed["resources"]
    assert spec["validationConfigurations"]["required"] is True
    assert "${" not in str(spec)


def test_each_image_is_picked_once_and_in_one_place() -> None:
    """Kyverno waits for ever for an image after one that it was asked for twice."""
    picked = {each["name"]: each["expression"] for each in policy(BY_KEYS)["images"]}
    # These are Kyverno's own names: what it would pick by itself is replaced.
    assert picked == {"containers": BROUGHT, "initContainers": "[]", "ephemeralContainers": "[]"}
    assert ".distinct()" in BROUGHT
    assert len(manifests(RULE, Ground(signers=(BY_KEYS, BY_NAME)))) == 1


def test_kyverno_is_asked_only_about_what_has_to_be_signed() -> None:
    (condition,) = policy(BY_KEYS)["matchConditions"]
    assert condition["expression"].endswith(f".exists(i, i.matches(r'{names([BY_KEYS])}'))")
    (reference,) = policy(BY_KEYS)["matchImageReferences"]
    assert reference["expression"] == f"ref.matches(r'{names([BY_KEYS])}')"


def test_one_key_is_enough_and_no_log_is_asked() -> None:
    spec = policy(BY_KEYS)
    assert [each["name"] for each in spec["attestors"]] == ["s0k0", "s0k1"]
    assert [each["cosign"]["key"]["data"] for each in spec["attestors"]] == ["ONE", "TWO"]
    assert all(each["cosign"]["ctlog"]["insecureIgnoreTlog"] for each in spec["attestors"])
    digest, signed = spec["validations"]
    assert "!i.contains('@')" in digest["expression"]
    assert digest["expression"].endswith(".all(i, false)")
    assert signed["expression"].endswith(
        ".all(i, verifyImageSignatures(i, [attestors.s0k0]) > 0"
        " || verifyImageSignatures(i, [attestors.s0k1]) > 0)"
    )


def test_an_identity_is_asked_for_as_a_whole() -> None:
    (attestor,) = attestors(3, BY_NAME)
    (identity,) = attestor["cosign"]["keyless"]["identities"]
    assert identity["issuer"] == BY_NAME.issuer
    pattern = identity["subjectRegExp"]
    assert re.search(pattern, "https://code.test/acme/app/release.yaml@refs/tags/v1.2")
    for other in (
        "https://code.test/evil/app@refs/tags/v1",
        "https://codeXtest/acme/a@refs/tags/v1",
    ):
        assert not re.search(pattern, other)
    # With the log: a certificate is only good for minutes, and the log says when it was used.
    assert "ctlog" not in attestor["cosign"]
    (plain,) = attestors(0, Signers(images=("*",), issuer="https://a.test", subject="me@a.test"))
    assert plain["cosign"]["keyless"]["identities"][0]["subject"] == "me@a.test"


def test_what_several_want_signed_all_of_them_have_to_have_signed() -> None:
    spec = policy(BY_KEYS, BY_NAME)
    assert [each["name"] for each in spec["attestors"]] == ["s0k0", "s0k1", "s1k0"]
    assert len(spec["validations"]) == 3


def test_a_refusal_says_the_rule_what_it_is_about_and_the_remedy() -> None:
    for validation in policy(BY_KEYS)["validations"]:
        said = validation["messageExpression"]
        assert said.startswith(f'"{RULE.id}: {RULE.title}: " + images.containers.filter(')
        assert said.endswith(f'{RULE.remedy}"')


def test_logins_are_said_only_where_there_are_some() -> None:
    assert "credentials" not in policy(BY_KEYS)
    private = Signers(images=("a.test",), keys=("K",), secrets=("pull",), plain_http=True)
    assert policy(private, private)["credentials"] == {
        "secrets": ["pull"],
        "allowInsecureRegistry": True,
    }


def test_what_a_stack_says_is_what_is_asked() -> None:
    keyless = {"issuer": "https://a.test", "subject": "https://b.test/*"}
    said = {"signatures": [{"images": ["ghcr.io/acme"], "keyless": keyless}]}
    on = ground(load(said))
    assert on.signers == (
        Signers(images=("ghcr.io/acme",), issuer="https://a.test", subject="https://b.test/*"),
    )
    assert Ground.read(on.told()) == on
    (made,) = [m for m in guards(load(said)) if m["kind"] == "ImageValidatingPolicy"]
    assert made["metadata"]["name"] == "cnai-sup-006"


def test_the_rule_is_held_at_admission() -> None:
    assert isinstance(RULE, Rule)
    assert RULE.twin
