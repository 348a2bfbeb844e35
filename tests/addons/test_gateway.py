from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from addons import gateway
from addons.gateway import ADDON, CLASS, FENCE, KINDS, NAME, GatewaySettings, access
from components.addon import Addon, Context
from components.labels import TENANT
from components.routes import GROUP, HTTP
from components.team import Team
from tools import catalog

Make = Callable[[Addon], Context]
TEAM = Team(name="vision")


@pytest.fixture
def ctx(context: Make) -> Context:
    return context(ADDON)


def said(ctx: Context, **settings: str) -> Context:
    return replace(ctx, settings=GatewaySettings(**settings))


def containers(ctx: Context) -> dict[str, dict[str, Any]]:
    pod = gateway.deployment(ctx)["spec"]["template"]["spec"]
    return {container["name"]: container for container in pod["containers"]}


def rules(kind: str) -> Iterator[dict[str, Any]]:
    for made in access():
        if made["kind"] == kind:
            yield from made["rules"]


def test_secrets_are_read_in_its_own_namespace_alone() -> None:
    assert not [rule for rule in rules("ClusterRole") if "secrets" in rule["resources"]]
    assert [rule for rule in rules("Role") if "secrets" in rule["resources"]]


def test_it_writes_how_routes_fare_and_nothing_else() -> None:
    for rule in rules("ClusterRole"):
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
        if not {"get", "list", "watch"} >= set(rule["verbs"]):
            assert all(resource.endswith("/status") for resource in rule["resources"])


def test_what_strangers_talk_to_has_no_token(ctx: Context) -> None:
    pod = gateway.deployment(ctx)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    (token,) = (volume["name"] for volume in pod["volumes"] if "projected" in volume)
    with_it = {
        name
        for name, container in containers(ctx).items()
        if token in [mount["name"] for mount in container["volumeMounts"]]
    }
    assert with_it == {FENCE}


def test_traefik_asks_the_fence(ctx: Context) -> None:
    by_name = containers(ctx)
    (at,) = (a.split("=")[1] for a in by_name[FENCE]["args"] if a.startswith("--listen="))
    assert f"--providers.kubernetesgateway.endpoint=http://{at}" in by_name[NAME]["args"]
    # With a host of its own it would not.
    assert {"name": "KUBERNETES_SERVICE_HOST", "value": ""} in by_name[NAME]["env"]


def test_nobody_outside_is_told_or_asked() -> None:
    assert {"--global.checknewversion=false", "--global.sendanonymoususage=false"} <= {
        *gateway.arguments()
    }
    providers = {a.split(".")[1] for a in gateway.arguments() if a.startswith("--providers.")}
    assert {name for name in providers if "=" not in name} == {"kubernetesgateway"}


def test_a_listener_has_the_port_of_an_entry_point(ctx: Context) -> None:
    assert f"--entrypoints.web.address=:{HTTP}" in gateway.arguments()
    for listener in gateway.gateway(ctx)["spec"]["listeners"]:
        assert listener["port"] == HTTP
        assert [kind["kind"] for kind in listener["allowedRoutes"]["kinds"]] == ["HTTPRoute"]


def test_a_pod_that_is_not_root_may_listen_at_it(ctx: Context) -> None:
    security = gateway.deployment(ctx)["spec"]["template"]["spec"]["securityContext"]
    assert {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"} in security["sysctls"]
    assert security["runAsNonRoot"] is True


def test_routes_are_taken_of_teams_and_of_the_platform_itself(ctx: Context) -> None:
    teams, own = gateway.gateway(said(ctx, domain="ai.example.org"))["spec"]["listeners"]
    (labelled,) = teams["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
    assert labelled == {"key": TENANT, "operator": "Exists"}
    assert teams["hostname"] == "*.ai.example.org"
    assert own["allowedRoutes"]["namespaces"] == {"from": "Same"}
    assert own["hostname"] == "gateway.ai.example.org"


def test_the_guard_knows_the_domain(ctx: Context) -> None:
    made = gateway.routing(said(ctx, domain="ai.example.org"))
    (policy,) = (m for m in made if m["kind"] == "ValidatingAdmissionPolicy")
    (own,) = policy["spec"]["variables"]
    labels = f"namespaceObject.metadata.labels['{TENANT}']"
    assert own["expression"] == f"{labels} + '.ai.example.org'"


@pytest.mark.parametrize("domain", ["", "*.example.org", "Example.org", "a..b", "x' || true || '"])
def test_a_domain_is_a_name(domain: str) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings(domain=domain)


def test_a_gateway_of_the_cluster_is_used_as_it_is(ctx: Context) -> None:
    cloud = said(ctx, class_name="gke-l7-rilb")
    assert not gateway.crds(cloud)
    assert not gateway.workloads(cloud)
    assert [made["kind"] for made in gateway.routing(cloud)] == [
        *("Gateway", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    ]
    assert gateway.gateway(cloud)["spec"]["gatewayClassName"] == "gke-l7-rilb"
    claims = [probe.claim for probe in (*gateway.ready(cloud), *gateway.proof(cloud))]
    assert not [claim for claim in claims if "Deployment" in claim]
    assert f"Gateway {CLASS} is Programmed" in claims


def test_its_kinds_are_there_and_of_the_version_that_traefik_is_built_with(ctx: Context) -> None:
    found = [yaml.safe_load(path.read_text()) for path in gateway.crds(ctx)]
    assert {one["kind"] for one in found} == {"CustomResourceDefinition"}
    names = {one["metadata"]["name"] for one in found}
    # It waits for all of these before it routes anything.
    assert {f"{kind}.{GROUP}" for kind in (*KINDS, "referencegrants")} <= names
    programs = catalog.load().programs
    assert programs["gateway-api"].source == programs["traefik"].source


def test_members_write_routes_and_no_gateway(ctx: Context) -> None:
    (rule,) = gateway.per_team(ctx, TEAM).rules
    assert rule["resources"] == ["httproutes"]
    assert "create" in rule["verbs"]


def test_the_gateway_reaches_the_team_and_the_team_the_gateway(ctx: Context) -> None:
    ways = gateway.per_team(ctx, TEAM).ways
    assert {way.namespace for way in ways} == {NAME}
    assert all(
        way.pods == gateway.deployment(ctx)["spec"]["selector"]["matchLabels"] for way in ways
    )
    (outwards,) = (way for way in ways if not way.inwards)
    (inwards,) = (way for way in ways if way.inwards)
    assert outwards.ports == (HTTP,)
    assert not inwards.ports, "a model server may be at any port"


def test_a_node_port_is_opened_where_the_tier_has_one(ctx: Context) -> None:
    def service(ctx: Context) -> dict[str, Any]:
        (found,) = (made for made in gateway.workloads(ctx) if made["kind"] == "Service")
        return dict(found["spec"])

    opened = replace(ctx, facts=replace(ctx.facts, node_ports={NAME: 30500}))
    assert "type" not in service(ctx)
    assert service(opened)["type"] == "NodePort"
    assert service(opened)["ports"][0]["nodePort"] == 30500
