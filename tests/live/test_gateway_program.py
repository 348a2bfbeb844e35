"""Traefik behind its fence, as processes: a real API server, real roles, requests that are sent."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from addons import gateway
from components import kind_applier, routes
from components.addon import Context
from components.api_server import ApiServer, RefusedError
from components.labels import TENANT
from components.steps import namespace
from stacks.compose import contexts, facts_of
from stacks.settings import load
from tests.live.control_plane import ControlPlane, control_plane, free_port, running
from tests.live.splitting import HEADER, PORT, WEIGHTS, split, told
from tests.waiting import wait_for
from tools import supply
from tools.paths import REPO

pytestmark = pytest.mark.live
EXAMPLE = REPO / "docs" / "examples" / "split.yaml"
ACCEPTED, REFUSED = "True Accepted", "False RefNotPermitted"


class Answer(BaseHTTPRequestHandler):
    """Says which server it is, and what it was asked for."""

    def __init__(self, name: str, *args: Any) -> None:
        self.name = name
        super().__init__(*args)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.name}{self.path.rstrip('/')}".encode())

    def log_message(self, *_: Any) -> None:
        pass


def own_address() -> str:
    """An address of this machine that is not that of its loopback, which no endpoint may have."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def backend(space: str, name: str, port: int, *, served: int = PORT) -> list[dict[str, Any]]:
    """A Service, and what a controller would write of its pods."""
    labels = {"kubernetes.io/service-name": name}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": space},
            "spec": {"ports": [{"port": served}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": space, "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": port}],
            "endpoints": [{"addresses": [own_address()], "conditions": {"ready": True}}],
        },
    ]


@dataclass(frozen=True)
class Entry:
    """The Gateway that runs, and who owns the cluster."""

    plane: ControlPlane
    owner: ApiServer
    http: int
    metrics: int

    def ask(self, host: str, path: str = "/", **headers: str) -> str:
        """Return what is answered to a request for a host, or the code of a refusal."""
        url = f"http://127.0.0.1:{self.http}{path}"
        asked = urllib.request.Request(url, headers={"Host": host, **headers})
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return str(error.code)


def context() -> Context:
    settings = load({})
    facts = facts_of("kind", settings)
    return contexts(facts, settings, [gateway.ADDON], lambda name: name)[gateway.NAME]


def arguments(fence: str, http: int, metrics: int) -> list[str]:
    """The addon's own, at ports of this machine that nobody has."""
    own = {
        f"=:{routes.HTTP}": f"=127.0.0.1:{http}",
        f"=:{gateway.METRICS}": f"=127.0.0.1:{metrics}",
        gateway.ASKED: fence,
    }
    said = gateway.arguments()
    for old, new in own.items():
        said = [a.replace(old, new) if a.endswith(old) else a for a in said]
    return said


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, int]]:
    """Two model servers, by what they answer."""
    with ExitStack() as both:
        ports: dict[str, int] = {}
        for name in WEIGHTS:
            server = ThreadingHTTPServer(("0.0.0.0", 0), partial(Answer, name))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            both.callback(server.server_close)
            both.callback(server.shutdown)
            ports[name] = server.server_address[1]
        yield ports


@pytest.fixture(scope="module")
def entry(plane: ControlPlane, servers: dict[str, int], tmp_path_factory: Any) -> Iterator[Entry]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    owner, ctx = plane.server, context()
    kinds, http, metrics = folder / "kinds.yaml", free_port(), free_port()
    kinds.write_text("\n---\n".join(path.read_text() for path in gateway.crds(ctx)))
    kind_applier.apply(plane.kubeconfig.read_text(), kinds)
    made = [namespace(gateway.NAME), namespace("plain")]
    made += [namespace(team, labels={TENANT: team}) for team in ("red", "blue")]
    made += gateway.access()
    for manifest in gateway.routing(ctx):
        for listener in manifest["spec"].get("listeners", []):
            listener["port"] = http
        made.append(manifest)
    for space in ("red", "blue", "plain"):
        made += [m for name, port in servers.items() for m in backend(space, name, port)]
    for manifest in made:
        owner.create(manifest)
    (folder / "token").write_text(plane.token(gateway.NAME, gateway.NAME))
    (folder / "ca.crt").write_bytes(plane.certificate.read_bytes())
    at = f"127.0.0.1:{free_port()}"
    fence = [f"--listen={at}", f"--server={plane.url}", f"--credentials={folder}"]
    program, said = supply.program, folder / "traefik.log"
    with (
        running(folder / "fence.log", program("api-fence"), *fence, f"--namespace={gateway.NAME}"),
        running(
            said, program("traefik"), *arguments(at, http, metrics), KUBERNETES_SERVICE_HOST=""
        ),
    ):
        yield Entry(plane, owner, http, metrics)
        assert "forbidden" not in said.read_text()


def condition(entry: Entry, kind: str, name: str, space: str | None, type_: str) -> bool:
    found = entry.owner.find(routes.API, kind, name, space).get("status", {}).get("conditions", [])
    return any((c["type"], c["status"]) == (type_, "True") for c in found)


def test_the_class_and_the_gateway_are_accepted(entry: Entry) -> None:
    for kind, space, type_ in (
        ("GatewayClass", None, "Accepted"),
        ("Gateway", gateway.NAME, "Accepted"),
        ("Gateway", gateway.NAME, "Programmed"),
    ):
        there = partial(condition, entry, kind, gateway.CLASS, space, type_)
        wait_for(f"{kind} is {type_}", there, seconds=60)
    found = entry.owner.find(routes.API, "Gateway", gateway.CLASS, gateway.NAME)["status"]
    assert found["addresses"][0]["value"] == "gateway.gateway.svc.cluster.local"


def test_its_account_may_not_read_the_secrets_of_others(entry: Entry) -> None:
    account = ApiServer(entry.plane.as_account(gateway.NAME, gateway.NAME))
    account.text(f"/api/v1/namespaces/{gateway.NAME}/secrets")
    for path in ("/api/v1/secrets", "/api/v1/namespaces/red/secrets", "/api/v1/configmaps"):
        with pytest.raises(RefusedError, match="forbidden"):
            account.text(path)


def test_requests_go_by_weight_and_by_header(entry: Entry) -> None:
    host = "split.red.localhost"
    entry.owner.create(split("red", host))
    accepted = partial(told, entry.owner, "red", "split", "Accepted")
    wait_for("the route is accepted", lambda: accepted() == ACCEPTED, seconds=60)
    wait_for("it is answered", lambda: entry.ask(host) in WEIGHTS, seconds=60)
    answers = Counter(entry.ask(host) for _ in range(300))
    assert sum(answers.values()) == answers["steady"] + answers["canary"] == 300
    assert abs(answers["canary"] - 30) <= 3
    assert {entry.ask(host, **{HEADER["name"]: HEADER["value"]}) for _ in range(20)} == {"canary"}
    assert entry.ask("split.blue.localhost") == "404"
    url = f"http://127.0.0.1:{entry.metrics}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert b'traefik_router_requests_total{code="200",method="GET",' in answer.read()


def test_the_example_of_the_guide_asks_each_server_by_its_own_name(
    entry: Entry, servers: dict[str, int]
) -> None:
    for name, server in (("digits", "steady"), ("digits-canary", "canary")):
        for made in backend("red", f"{name}-predictor", servers[server], served=80):
            entry.owner.create(made)
    example = yaml.safe_load(EXAMPLE.read_text().replace("ml-default", "red"))
    example["metadata"]["namespace"] = "red"
    entry.owner.create(example)
    ask = partial(entry.ask, "digits.red.localhost", "/v2/models/digits/infer")
    own = "steady/v2/models/digits/infer", "canary/v2/models/digits-canary/infer"
    wait_for("it is answered", lambda: ask() in own, seconds=60)
    assert {ask() for _ in range(50)} == {*own}
    assert {ask(**{HEADER["name"]: HEADER["value"]}) for _ in range(20)} == {own[1]}


def test_a_service_of_another_team_is_not_sent_to_unless_it_says_so(entry: Entry) -> None:
    host = "theirs.red.localhost"
    theirs = {"name": "steady", "namespace": "blue", "port": PORT}
    made = routes.route("theirs", "red", parent=gateway.PARENT, host=host, to=theirs)
    entry.owner.create(made)
    resolved = partial(told, entry.owner, "red", "theirs", "ResolvedRefs")
    wait_for("the reference is refused", lambda: resolved() == REFUSED, seconds=60)
    wait_for("a request is refused", lambda: entry.ask(host) == "500", seconds=60)
    group = {"group": routes.GROUP, "kind": "HTTPRoute", "namespace": "red"}
    grant = {
        "apiVersion": f"{routes.GROUP}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "red", "namespace": "blue"},
        "spec": {"from": [group], "to": [{"group": "", "kind": "Service"}]},
    }
    entry.owner.create(grant)
    wait_for("a grant is heeded", lambda: entry.ask(host) == "steady", seconds=60)
    entry.owner.delete(grant)
    wait_for("its end as well", lambda: entry.ask(host) == "500", seconds=60)


def test_services_of_the_gateway_itself_are_nobodys_to_route_to(entry: Entry) -> None:
    host = "own.red.localhost"
    own = {"group": "traefik.io", "kind": "TraefikService", "name": "prometheus@internal"}
    made = routes.route("own", "red", parent=gateway.PARENT, host=host, to=own)
    entry.owner.create(made)
    resolved = partial(told, entry.owner, "red", "own", "ResolvedRefs")
    wait_for("the reference is refused", lambda: resolved() == REFUSED, seconds=60)
    assert entry.ask(host) in {"404", "500", "503"}


@pytest.mark.parametrize(
    "hosts", [[], ["split.blue.localhost"], ["*.localhost"], ["xred.localhost"]]
)
def test_a_route_to_hosts_of_others_is_refused(entry: Entry, hosts: list[str]) -> None:
    made = split("red", "red.localhost")
    made["metadata"]["name"] = "strange"

    def refused() -> bool:
        try:
            entry.owner.create({**made, "spec": {**made["spec"], "hostnames": hosts}}, dry_run=True)
        except RefusedError as error:
            return routes.TOLD in str(error)
        return False

    wait_for("the route is refused", refused, seconds=60)
    for own in ("red.localhost", "*.red.localhost", "a.b.red.localhost"):
        entry.owner.create({**made, "spec": {**made["spec"], "hostnames": [own]}}, dry_run=True)


def test_a_route_of_no_team_is_not_taken(entry: Entry) -> None:
    entry.owner.create(split("plain", "split.plain.localhost"))
    accepted = partial(told, entry.owner, "plain", "split", "Accepted")
    said = "False NotAllowedByListeners"
    wait_for("the route is not taken", lambda: accepted() == said, seconds=60)
    assert entry.ask("split.plain.localhost") == "404"
