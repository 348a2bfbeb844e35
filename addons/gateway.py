"""Gateway: requests to models by host, path, header and weight, by the Gateway API and Traefik."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from components import routes
from components.access import account, allow, cluster_role, role
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import selector
from components.pods import container_security, job, resources
from components.probes import Probe, answers, available, completes, condition, established, refused
from components.routes import API, GROUP, HTTP
from components.scrapes import Scrape
from components.team import READ, WRITE, Share, Team, Way
from components.workloads import Server, mounts, variables

NAME = "gateway"
PROGRAM = "traefik"
FENCE = "api-fence"
CLASS = "cnai"
"""Name of the GatewayClass, and of the one Gateway that routes of all teams name."""
PARENT = {"name": CLASS, "namespace": NAME}
CONTROLLER = "traefik.io/gateway-controller"
KINDS = (
    *("gatewayclasses", "gateways", "httproutes", "grpcroutes", "tlsroutes"),
    "backendtlspolicies",
)
"""Kinds whose status Traefik writes."""
USER = 65532
METRICS = 9100
ASKED = "127.0.0.1:8001"
"""Where Traefik finds the API server: at the fence, in its own pod."""
PING = "/ping"
DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


class GatewaySettings(AddonSettings):
    """``domain`` ends the names of hosts: those of a team are ``<anything>.<team>.<domain>``.

    ``class_name`` is a GatewayClass that the cluster has by itself, as GKE does: its controller
    and its kinds are taken as they are, and Traefik is left out.
    """

    domain: Annotated[str, Field(pattern=DNS_NAME)] = "localhost"
    class_name: Annotated[str, Field(pattern=DNS_NAME)] | None = None


def crds(ctx: Context) -> list[Path]:
    """Return the kinds of the standard channel, of the version that Traefik is built with."""
    if ctx.settings.class_name:
        return []
    folder = ctx.module("gateway-api") / "config" / "crd" / "standard"
    # Beside them lies a policy that keeps older kinds out; nobody but this addon writes them.
    return [path for path in sorted(folder.glob(f"{GROUP}_*.yaml")) if "_vap_" not in path.name]


def arguments() -> list[str]:
    """Return how Traefik is started: the Gateway API and nothing else, and nobody is told of it."""
    return [
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.nocolor=true",
        # A listener belongs to the entry point that has its port: there is no other tie.
        f"--entrypoints.web.address=:{HTTP}",
        # New requests are taken until everybody has heard that this pod goes.
        "--entrypoints.web.transport.lifecycle.requestacceptgracetimeout=5s",
        f"--entrypoints.metrics.address=:{METRICS}",
        "--ping.entrypoint=metrics",
        "--metrics.prometheus.entrypoint=metrics",
        "--metrics.prometheus.addrouterslabels=true",
        f"--providers.kubernetesgateway.endpoint=http://{ASKED}",
        f"--providers.kubernetesgateway.statusaddress.hostname={NAME}.{NAME}.svc.cluster.local",
        # Traefik's own services, such as its metrics, are nobody's to route to but the platform's.
        f"--providers.kubernetesgateway.crossprovidernamespaces={NAME}",
        # What changes is heard of at most twice a second, and holds at most half a second later.
        "--providers.kubernetesgateway.throttleduration=500ms",
        "--providers.providersthrottleduration=500ms",
    ]


def server(ctx: Context) -> Server:
    """Return Traefik, which strangers talk to, without a token for the API server."""
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        container={
            "image": ctx.image(PROGRAM),
            "command": ["/usr/local/bin/traefik"],
            "args": arguments(),
            # With a host it would look for a token and fail; without one it asks the endpoint.
            "env": variables({"KUBERNETES_SERVICE_HOST": ""}),
            "ports": [
                {"name": "http", "containerPort": HTTP},
                {"name": "metrics", "containerPort": METRICS},
            ],
            "readinessProbe": {"httpGet": {"path": PING, "port": "metrics"}, "periodSeconds": 3},
            "livenessProbe": {
                "httpGet": {"path": PING, "port": "metrics"},
                "periodSeconds": 30,
                "initialDelaySeconds": 30,
            },
            "securityContext": container_security(),
            "resources": resources("20m", "128Mi", "512Mi"),
            "volumeMounts": mounts(),
        },
    )


def fence(ctx: Context) -> Manifest:
    """Return what has the token: it turns a list of every Secret into one of its own namespace."""
    return {
        "name": FENCE,
        "image": ctx.image(FENCE),
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--listen={ASKED}", f"--namespace={NAME}", "--credentials=/credentials"],
        "securityContext": container_security(),
        "resources": resources("5m", "16Mi", "64Mi"),
        "volumeMounts": [{"name": "credentials", "mountPath": "/credentials", "readOnly": True}],
    }


def deployment(ctx: Context) -> Manifest:
    """Return both in one pod, in which any port may be listened at."""
    made = server(ctx).deployment()
    made["spec"]["replicas"] = ctx.facts.replicas
    pod = made["spec"]["template"]["spec"]
    pod["serviceAccountName"] = NAME
    pod["securityContext"]["sysctls"] = [
        {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
    ]
    pod["containers"].append(fence(ctx))
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": authority},
    ]
    pod["volumes"].append({"name": "credentials", "projected": {"sources": sources}})
    return made


def access() -> list[Manifest]:
    """Return what the pod may do: read what routes are made of, write how they fare."""
    rules = [
        allow("", ["namespaces", "services"], READ),
        allow("discovery.k8s.io", ["endpointslices"], READ),
        allow(GROUP, [*KINDS, "referencegrants"], READ),
        allow(GROUP, [f"{kind}/status" for kind in KINDS], ["update"]),
    ]
    # Keys and authorities of listeners lie beside the Gateway.
    own = [allow("", ["configmaps", "secrets"], READ)]
    return [account(NAME, NAME), *cluster_role(NAME, NAME, rules), *role(NAME, NAME, own)]


def workloads(ctx: Context) -> list[Manifest]:
    """Return Traefik, its address, and what it may do; nothing where the cluster has its own."""
    if ctx.settings.class_name:
        return []
    port = {"name": "http", "port": HTTP, "targetPort": "http"}
    if node_port := ctx.facts.node_ports.get(NAME):
        port["nodePort"] = node_port
    metrics = {"name": "metrics", "port": METRICS, "targetPort": "metrics"}
    type_ = "NodePort" if node_port else None
    return [
        *access(),
        deployment(ctx),
        server(ctx).service([port, metrics], type_=type_),
    ]


def gateway(ctx: Context) -> Manifest:
    """Return the Gateway: a listener that takes routes of teams, and the platform's own."""
    domain = ctx.settings.domain
    listeners = [
        routes.listener("teams", f"*.{domain}", {"from": "Selector", "selector": routes.TEAMS}),
        routes.listener("platform", routes.host(NAME, domain), {"from": "Same"}),
    ]
    class_ = ctx.settings.class_name or CLASS
    return routes.gateway(CLASS, NAME, class_, listeners, addon=NAME)


def routing(ctx: Context) -> list[Manifest]:
    """Return the class, the Gateway, the guard of hosts, and a route to Traefik's own health."""
    made = [gateway(ctx), *routes.guard(ctx.settings.domain, addon=NAME)]
    if ctx.settings.class_name:
        return made
    health = routes.route(
        "health",
        NAME,
        parent=PARENT,
        host=routes.host(NAME, ctx.settings.domain),
        to={"name": NAME, "port": METRICS},
        path=PING,
    )
    return [routes.gateway_class(CLASS, CONTROLLER, addon=NAME), *made, health]


def ready(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the kinds are served and that Traefik answers."""
    kinds = tuple(established(f"{kind}.{GROUP}") for kind in ("gateways", "httproutes"))
    if ctx.settings.class_name:
        return kinds
    return (
        *kinds,
        available("Deployment", NAME, NAME),
        answers(NAME, NAME, METRICS, PING, contains="OK"),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that the Gateway is there, and that a request went through it by a route."""
    there = condition(API, "Gateway", CLASS, "Programmed", namespace=NAME)
    if ctx.settings.class_name:
        return (there,)
    asked = ["-H", f"Host: {routes.host(NAME, ctx.settings.domain)}"]
    asks = job(
        NAME,
        NAME,
        "gateway-proof",
        image=ctx.image("curl"),
        command=["curl", "-fsS", "-m", "10", *asked, f"http://{NAME}.{NAME}.svc{PING}"],
        user=USER,
    )
    return (
        condition(API, "GatewayClass", CLASS, "Accepted"),
        there,
        completes("a request is answered through the Gateway, by a route", asks),
    )


def per_team(ctx: Context, team: Team) -> Share:
    """Let members write routes, and the Gateway reach what they serve."""
    pods = selector(NAME)
    strange = routes.route(
        "gateway-proof",
        team.namespace,
        parent=PARENT,
        host=routes.host(NAME, ctx.settings.domain),
        to={"name": "none", "port": HTTP},
    )
    claim = f"a route of {team.name} to a host of the platform is refused"
    return Share(
        rules=[allow(GROUP, ["httproutes"], WRITE)],
        ways=(
            Way(namespace=NAME, ports=(HTTP,), pods=pods),
            Way(namespace=NAME, pods=pods, inwards=True),
        ),
        proof=(refused(claim, strange, contains=routes.TOLD),),
    )


ADDON = Addon(
    name=NAME,
    title="Requests to models by host, path, header and weight",
    namespace=NAME,
    after=("prometheus",),
    images=(PROGRAM, FENCE, "curl"),
    settings=GatewaySettings,
    crds=crds,
    workloads=workloads,
    ready=ready,
    resources=routing,
    proof=proof,
    per_team=per_team,
    endpoints={NAME: "http"},
    scrapes=(Scrape(name=NAME, namespace=NAME, labels=selector(NAME), port=METRICS),),
)
