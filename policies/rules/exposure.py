"""Rules on what is reachable from outside of the cluster, and by which name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.labels import DOMAIN
from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at, each
from policies.verdict import PASS, Verdict

EXPOSED = f"{DOMAIN}/exposed"
"""Annotation of a Service that is meant to be reached from outside: ``true``."""
OUTSIDE = ("NodePort", "LoadBalancer")
SERVICES = ("kubernetes:core/v1:Service", "kubernetes:core/v1:ServicePatch")
SEPARATION = Framework(
    "NSA/CISA Kubernetes Hardening Guidance", "1.2", "network separation and hardening"
)


def exposed_on_purpose(resource: Resource, _: Ground) -> Verdict:
    """Fail for a Service that opens a port to outside without saying that it is meant to."""
    kind, meant = at(resource.props, "spec", "type"), resource.annotation(EXPOSED)
    if meant == "true" or (kind is not UNKNOWN and kind not in OUTSIDE):
        return PASS
    if kind is UNKNOWN:
        return Verdict.of([], ["spec.type is not known yet"])
    if meant is UNKNOWN:
        return Verdict.of([], [f"metadata.annotations['{EXPOSED}'] is not known yet"])
    return Verdict.fail(f"spec.type is {kind}, and nothing says that the Service is to be exposed")


def no_borrowed_addresses(resource: Resource, _: Ground) -> Verdict:
    """Fail for a Service that takes addresses which nobody gave it."""
    found = at(resource.props, "spec", "externalIPs")
    if found is UNKNOWN:
        return Verdict.of([], ["spec.externalIPs is not known yet"])
    return Verdict.fail("spec.externalIPs takes addresses") if found else PASS


def one_name_one_team(resources: Sequence[Resource], ground: Ground) -> Mapping[str, Verdict]:
    """Judge each team's namespace by the names that its routes have and others as well."""
    names: dict[str, set[str]] = {}
    found, unknown = {}, set()
    for resource in resources:
        space = at(resource.metadata, "namespace") or "default"
        if resource.props.get("metadata") is UNKNOWN or not isinstance(space, str):
            found[resource.name] = Verdict.of([], ["whose route it is, is not known yet"])
            continue
        said = _hosts(resource)
        names.setdefault(space, set()).update(n.lower() for n in said if isinstance(n, str) and n)
        if UNKNOWN in said:
            unknown.add(space)
    for team in ground.tenants & names.keys():
        failures = [
            f"{name} of namespace {team} leads to namespace {other} as well"
            for other in sorted(names.keys() - {team})
            for name in sorted(names[team])
            if any(_overlap(name, theirs) for theirs in names[other])
        ]
        doubts = ["a name of a route is not known yet"] if team in unknown else []
        found[team] = Verdict.of(failures, doubts)
    return found


def _hosts(resource: Resource) -> list[Any]:
    """Return the names of an Ingress, or of a route of the Gateway API."""
    if resource.kind == "Ingress":
        return [at(rule, "host") for rule in each(at(resource.props, "spec", "rules"))]
    return list(each(at(resource.props, "spec", "hostnames")))


def _overlap(one: str, other: str) -> bool:
    """Say whether there is a name that both stand for: a star stands for what comes before."""
    return one == other or any(
        wide.startswith("*.") and narrow.endswith(wide[1:])
        for wide, narrow in ((one, other), (other, one))
    )


RULES = (
    Rule(
        id="CNAI-NET-001",
        title="A team's Service is reachable from outside only where it says so",
        severity=Severity.HIGH,
        scope=Scope.TEAM,
        types=SERVICES,
        frameworks=(SEPARATION,),
        rationale="A port of a node or a balancer is open to whoever reaches the cluster.",
        remedy=(
            "Make it a ClusterIP and lead to it by a route of the platform, or set the annotation"
            f" {EXPOSED}: 'true'."
        ),
        check=exposed_on_purpose,
    ),
    Rule(
        id="CNAI-NET-002",
        title="No Service takes external addresses",
        severity=Severity.CRITICAL,
        scope=Scope.CLUSTER,
        types=SERVICES,
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "1.2.3 DenyServiceExternalIPs"),
            SEPARATION,
        ),
        rationale="By externalIPs a Service gets what others send to an address (CVE-2020-8554).",
        remedy="Take externalIPs away; a load balancer gives a Service an address of its own.",
        check=no_borrowed_addresses,
    ),
    Rule(
        id="CNAI-NET-003",
        title="A name outside of the cluster leads to one team",
        severity=Severity.HIGH,
        scope=Scope.CLUSTER,
        types=(
            *(f"kubernetes:gateway.networking.k8s.io/*:{kind}Route" for kind in ("HTTP", "GRPC")),
            "kubernetes:gateway.networking.k8s.io/*:TLSRoute",
            "kubernetes:networking.k8s.io/*:Ingress",
        ),
        frameworks=(SEPARATION,),
        rationale="Who writes the name of another team into a route gets what is sent to it.",
        remedy="Give each team names of its own, best below one that has the team's name.",
        relation=one_name_one_team,
    ),
)
