"""The Gateway API: requests are sent on by weight and by header."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from addons.gateway import CLASS
from tests.conformance import pods
from tests.conformance.case import Case

pytestmark = [pytest.mark.live, pytest.mark.conformance]
API = "gateway.networking.k8s.io/v1"
CLASSES = "gatewayclasses.gateway.networking.k8s.io"
ASKED = 300
WEIGHTS = {"steady": 90, "canary": 10}
# Of 300 requests 10 % are 30; four standard deviations (of 5.2) are 21.
TOLERANCE = 21
HEADER = {"name": "x-model", "value": "canary"}
CLIENT = """\
import sys, urllib.request as r
url, count, name, value = sys.argv[1:]
for times, header in ((int(count), {}), (20, {name: value})):
    for _ in range(times):
        answer = r.urlopen(r.Request(url, headers=header), timeout=10).read().decode()
        print("header" if header else "plain", answer)
"""


def route(space: str) -> dict[str, Any]:
    """By weight; what has the header goes to the canary."""

    def to(name: str, **more: int) -> dict[str, Any]:
        return {"name": name, "port": 8000, **more}

    return {
        "apiVersion": API,
        "kind": "HTTPRoute",
        "metadata": {"name": "split", "namespace": space},
        "spec": {
            "parentRefs": [{"name": "entry"}],
            "rules": [
                {"matches": [{"headers": [HEADER]}], "backendRefs": [to("canary")]},
                {"backendRefs": [to(name, weight=weight) for name, weight in WEIGHTS.items()]},
            ],
        },
    }


def gateway(space: str, class_: str) -> dict[str, Any]:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    return {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": {"name": "entry", "namespace": space},
        "spec": {"gatewayClassName": class_, "listeners": [listener]},
    }


def accepted(entry: dict[str, Any]) -> bool:
    return any(
        (told["type"], told["status"]) == ("Accepted", "True")
        for told in entry.get("status", {}).get("conditions", [])
    )


def test_requests_go_by_weight_and_by_header(case: Case) -> None:
    case.kubectl("api-resources", "--api-group=gateway.networking.k8s.io", check=False)
    classes = [entry["metadata"]["name"] for entry in case.every(CLASSES) if accepted(entry)]
    if not classes:
        case.not_implemented(
            "no implementation of the Gateway API is installed: there is no GatewayClass that a"
            " controller has accepted (the addon `gateway` brings one). KServe serves by plain"
            " Services here, and splits traffic by its own InferenceGraph, which is no Gateway"
        )
    if classes[0] == CLASS:
        case.uses("gateway")
    space = case.place()
    at = f"--namespace={space}"
    ports = [{"name": "http", "containerPort": 8000}]
    serving = [
        made
        for name in WEIGHTS
        for made in (
            pods.deployment(
                name, space, pods.spec(pods.python("main", pods.ECHO, name, ports=ports))
            ),
            pods.service(name, space),
        )
    ]
    made = [*serving, gateway(space, classes[0]), route(space)]
    case.kubectl("apply", "--filename=-", given=made)
    case.kubectl("wait", "deployment", "--all", at, "--for=condition=Available",
                 "--timeout=180s", seconds=200)  # fmt: skip
    for type_ in ("Accepted", "ResolvedRefs"):
        told = f"--output=jsonpath={{.status.parents[0].conditions[?(@.type=='{type_}')].status}}"
        asked = ("get", "httproute", "split", at, told)
        case.until(f"the route is {type_}", asked, lambda said: said == "True")
    address = case.until(
        "the gateway has an address",
        ("get", "gateway", "entry", at, "--output=jsonpath={.status.addresses[0].value}"),
        lambda said: bool(said.strip()),
    )
    case.kubectl("get", "gateway,httproute", at, "--output=yaml")
    _ask(case, space, f"http://{address}/")


def _ask(case: Case, space: str, url: str) -> None:
    at = f"--namespace={space}"
    arguments = (url, str(ASKED), HEADER["name"], HEADER["value"])
    asking = pods.spec(pods.python("main", CLIENT, *arguments))
    case.kubectl("create", "--filename=-", given=pods.pod("asks", space, asking))
    phase = ("get", "pod", "asks", at, "--output=jsonpath={.status.phase}")
    case.until("the client has asked", phase, lambda said: said in {"Succeeded", "Failed"})
    answers = Counter(case.kubectl("logs", "asks", at).splitlines())
    by_weight = {name: answers[f"plain {name}"] for name in WEIGHTS}
    assert sum(by_weight.values()) == ASKED, f"{answers}"
    assert abs(by_weight["canary"] - ASKED * WEIGHTS["canary"] // 100) <= TOLERANCE, by_weight
    assert answers["header canary"] == 20, f"the header was not heeded: {answers}"
    case.implemented(f"Of {ASKED} requests {by_weight} by weight; 20 of 20 by their header")
