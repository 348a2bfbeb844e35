from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from addons import catalogue, pins
from addons.certificates import ADDON, access, crds
from components.addon import Addon, Context
from components.certificates import authority, certificate, service_names
from components.selection import select
from tools import catalog, supply

Make = Callable[[Addon], Context]
WANTS = Addon(name="wants", title="", namespace="wants", requires=("certificates",))


def test_each_issuer_signs_with_what_the_one_before_has_made() -> None:
    self_signed, root, issuer = authority("here")
    assert root["spec"]["issuerRef"]["name"] == self_signed["metadata"]["name"]
    assert root["spec"]["isCA"]
    assert issuer["spec"]["ca"]["secretName"] == root["spec"]["secretName"]
    assert root["metadata"]["namespace"] == "here"


def test_the_key_of_the_authority_stays() -> None:
    _, root, _ = authority("here")
    assert root["spec"]["privateKey"]["rotationPolicy"] == "Never"


def test_a_certificate_is_kept_in_the_secret_that_a_chart_expects() -> None:
    made = certificate("a", "b", secret="c", dnsNames=service_names("s", "b"))
    assert made["spec"]["secretName"] == "c"
    assert made["spec"]["dnsNames"] == ["s", "s.b", "s.b.svc", "s.b.svc.cluster.local"]


def test_keys_are_read_and_kinds_only_given_an_authority(context: Make) -> None:
    (role,) = (m for m in access() if m["kind"] == "ClusterRole")
    for rule in role["rules"]:
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
        if rule["apiGroups"] != [""] and "certificaterequests" not in rule["resources"]:
            assert not {"create", "delete"} & set(rule["verbs"]) or rule["resources"] == ["events"]
    assert all(path.is_file() for path in crds(context(ADDON)))


@pytest.mark.parametrize(
    ("barred", "given"), [({}, "cert-manager"), ({"cert-manager": "source"}, "certificates")]
)
def test_unasked_cert_manager_comes_first_where_it_can_be_had(
    barred: dict[str, str], given: str
) -> None:
    chosen = select({**catalogue(), "wants": WANTS}, ["wants"], barred=barred)
    assert {addon.name for addon in chosen} == {"wants", given}


@pytest.mark.parametrize("wanted", ["certificates", "cert-manager"])
def test_either_gives_the_capability_and_never_both(wanted: str) -> None:
    known = {**catalogue(), "wants": WANTS}
    barred = {"cert-manager": "source"} if wanted == "certificates" else {}
    names = {addon.name for addon in select(known, ["wants", wanted], barred=barred)}
    assert names == {"wants", wanted}


def test_both_are_the_version_that_is_built_and_pulled() -> None:
    chart = catalog.load().charts["cert-manager"].version.removeprefix("v")
    versions = [pins()["certificates"].version, pins()["cert-manager"].version, chart]
    assert all(one == two for one, two in pairwise([*versions, supply.versions()["cert-manager"]]))
