"""The Gateway on a cluster: a team's pods ask and answer through it, behind network policies."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from addons.gateway import PARENT
from components.api_server import PASSING, ApiServer
from components.labels import TENANT
from components.routes import route
from components.steps import namespace
from tests.conformance import pods
from tests.conftest import NAMESPACE, Platform
from tests.live.conftest import Kubectl
from tests.live.metrics import query
from tests.live.splitting import HEADER, PORT, WEIGHTS, split, told
from tests.waiting import wait_for

pytestmark = pytest.mark.live
HOST = f"split.{NAMESPACE}.localhost"
CLIENT = """\
import sys, urllib.error, urllib.request as r
host, count, *header = sys.argv[1:]
headers = {"Host": host, **(dict([header]) if header else {})}
for _ in range(int(count)):
    try:
        asked = r.Request("http://gateway.gateway.svc/", headers=headers)
        print(r.urlopen(asked, timeout=10).read().decode())
    except urllib.error.HTTPError as error:
        print(error.code)
"""
Ask = Callable[..., Counter[str]]


@pytest.fixture(scope="module")
def owner(platform: Platform) -> ApiServer:
    return ApiServer(platform.kubeconfig.read_text())


@pytest.fixture(scope="module")
def served(owner: ApiServer) -> Iterator[str]:
    """Two model servers of the team and a route to them; return who else serves the same."""
    other = f"gateway-{secrets.token_hex(3)}"
    made: list[dict[str, Any]] = [namespace(other, labels={TENANT: other})]
    ports = [{"name": "http", "containerPort": PORT}]
    for space in (NAMESPACE, other):
        for name in WEIGHTS:
            spec = pods.spec(pods.python("main", pods.ECHO, name, ports=ports))
            made += [pods.deployment(name, space, spec), pods.service(name, space)]
    made.append(split(NAMESPACE, HOST))
    try:
        for manifest in made:
            owner.create(manifest)
        yield other
    finally:
        for manifest in reversed(made):
            with suppress(*PASSING):
                owner.delete(manifest)


@pytest.fixture
def ask(served: str, kubectl: Kubectl) -> Ask:
    """Ask the Gateway from a pod of the team, so many times, and count the answers."""
    at = f"--namespace={NAMESPACE}"
    assert served
    for name in WEIGHTS:
        kubectl("rollout", "status", f"deployment/{name}", at, "--timeout=180s")

    def asked(host: str, times: int = 1, *header: str) -> Counter[str]:
        program = ("python3", "-c", CLIENT, host, str(times), *header)
        return Counter(kubectl("exec", "deployment/steady", at, "--", *program).split())

    return asked


def test_requests_go_by_weight_and_by_header(owner: ApiServer, ask: Ask) -> None:
    accepted = partial(told, owner, NAMESPACE, "split", "Accepted")
    wait_for("the route is accepted", lambda: accepted() == "True Accepted", seconds=60)
    wait_for("it is answered", lambda: set(ask(HOST)) <= {*WEIGHTS}, seconds=60)
    answers = ask(HOST, 300)
    assert set(answers) == {*WEIGHTS}
    assert abs(answers["canary"] - 30) <= 21, answers
    assert ask(HOST, 20, *HEADER.values()) == {"canary": 20}


def test_a_service_of_another_team_is_not_sent_to(owner: ApiServer, ask: Ask, served: str) -> None:
    host = f"theirs.{NAMESPACE}.localhost"
    theirs = {"name": "steady", "namespace": served, "port": PORT}
    made = route("theirs", NAMESPACE, parent=PARENT, host=host, to=theirs)
    owner.create(made)
    try:
        resolved = partial(told, owner, NAMESPACE, "theirs", "ResolvedRefs")
        refused = "False RefNotPermitted"
        wait_for("the reference is refused", lambda: resolved() == refused, seconds=60)
        wait_for("a request is refused", lambda: ask(host) == {"500": 1}, seconds=60)
    finally:
        owner.delete(made)


def test_what_went_through_is_measured(ask: Ask, kubectl: Kubectl) -> None:
    ask(HOST)
    labels = f'job="gateway", router=~"httproute-{NAMESPACE}-split-.*", code="200"'
    asked = f"traefik_router_requests_total{{{labels}}}"
    wait_for("it is in Prometheus", lambda: query(kubectl, asked), seconds=180)
