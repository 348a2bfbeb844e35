"""Twins at admission, asked of the API server: what each lets through and refuses."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from policies.guards import API, POLICY, manifests
from tests.admission import ACCEPTED, GROUND, GUARDED, STATIC, Case, Court, cases
from tests.conftest import Platform
from tests.waiting import wait_for

pytestmark = pytest.mark.live
ORDINARY = list(yaml.safe_load_all(Path(__file__).with_name("ordinary.yaml").read_text()))
NATIVE = [rule for rule in GUARDED if manifests(rule, GROUND)[0]["kind"] == POLICY]


@pytest.fixture(scope="module")
def api(platform: Platform) -> Iterator[DynamicClient]:
    with config.new_client_from_config(config_file=str(platform.kubeconfig)) as connection:
        yield DynamicClient(connection)


@pytest.fixture(scope="module")
def court(api: DynamicClient) -> Iterator[Court]:
    court = Court(api, f"court-{secrets.token_hex(3)}")
    try:
        court.open((*cases(), *cases(folder=STATIC)))
        first = next(case for case in cases() if not case.good)
        wait_for("the namespace is a team's", lambda: first.rule in court.says(first))
        yield court
    finally:
        court.close()


def standing(api: DynamicClient, rule: str) -> Any:
    """The policy of a rule; one that depends on an environment stands where it has a say."""
    held = next(held for held in GUARDED if held.id == rule)
    wanted = manifests(held)
    made = manifests(held, GROUND)[0]
    if made["kind"] != POLICY:
        return made
    policies = api.resources.get(api_version=API, kind=POLICY)
    try:
        return policies.get(name=made["metadata"]["name"])
    except NotFoundError:
        if wanted:
            raise
        pytest.skip(f"the environment says nothing that {rule} could be held against")


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_a_twin_decides(api: DynamicClient, court: Court, case: Case) -> None:
    standing(api, case.rule)
    said = court.says(case)
    assert (said == ACCEPTED) if case.good else (case.rule in said), said


@pytest.fixture(scope="module")
def nobodys(api: DynamicClient) -> Iterator[str]:
    """A namespace that is no team's."""
    core, name = client.CoreV1Api(api.client), f"nobodys-{secrets.token_hex(3)}"
    core.create_namespace({"metadata": {"name": name}})
    try:
        yield name
    finally:
        core.delete_namespace(name)


@pytest.mark.parametrize("thing", ORDINARY, ids=lambda thing: thing["metadata"]["name"])
def test_what_is_no_teams_is_let_through_as_in_any_cluster(
    api: DynamicClient, nobodys: str, thing: dict[str, Any]
) -> None:
    kind = api.resources.get(api_version=thing["apiVersion"], kind=thing["kind"])
    kind.create(body=thing, namespace=nobodys, dry_run="All")


@pytest.fixture(scope="module")
def static(api: DynamicClient) -> None:
    """What is needed: an API server that reads policies from its own disk."""
    pods = client.CoreV1Api(api.client).list_namespaced_pod(
        "kube-system", label_selector="component=kube-apiserver"
    )
    started = [word for pod in pods.items for word in pod.spec.containers[0].command]
    assert any(word.startswith("--admission-control-config-file=") for word in started)


@pytest.mark.usefixtures("static")
@pytest.mark.parametrize("case", list(cases(folder=STATIC)), ids=str)
def test_what_is_read_from_a_disk_keeps_the_guards(court: Court, case: Case) -> None:
    said = court.says(case)
    assert (said == ACCEPTED) if case.good else (case.rule in said), said


@pytest.mark.parametrize("rule", [rule.id for rule in NATIVE])
def test_the_server_understands_what_it_decides_by(api: DynamicClient, rule: str) -> None:
    def checked() -> Any:
        return (standing(api, rule).to_dict().get("status") or {}).get("observedGeneration")

    wait_for(f"the server has looked at {rule}", checked)
    found = standing(api, rule).to_dict()["status"].get("typeChecking") or {}
    assert not found.get("expressionWarnings")
