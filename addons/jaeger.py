"""Jaeger: keeps the latest traces in memory and answers for them."""

from __future__ import annotations

import yaml

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import selector
from components.pods import container_security, job, resources, versioned
from components.probes import Probe, answers, available, completes
from components.scrapes import Scrape
from components.workloads import Server, mounts, variables

NAME = "jaeger"
USER = 10001
"""Numeric user of the published image."""
OTLP, QUERY, HEALTH, METRICS = 4318, 16686, 13133, 8888
ADDRESS = f"http://{NAME}.{NAME}.svc"
STORE = "latest"


class JaegerSettings(AddonSettings):
    """``traces`` is how many are kept; the oldest go first, and all of them with the pod."""

    traces: int = 5000


def configuration(ctx: Context) -> Manifest:
    """Return its configuration: Jaeger is a collector whose exporter is a store."""
    every = "0.0.0.0"
    return {
        "extensions": {
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"{every}:{HEALTH}"}},
            "jaeger_storage": {
                "backends": {STORE: {"memory": {"max_traces": ctx.settings.traces}}}
            },
            "jaeger_query": {
                "storage": {"traces": STORE},
                "http": {"endpoint": f"{every}:{QUERY}"},
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{every}:{OTLP}"}}}},
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 80},
            "batch": {"timeout": "200ms"},
        },
        "exporters": {"jaeger_storage_exporter": {"trace_storage": STORE}},
        "service": {
            "extensions": ["healthcheckv2", "jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter", "batch"],
                    "exporters": ["jaeger_storage_exporter"],
                }
            },
            "telemetry": {
                "resource": {"service.name": NAME},
                "metrics": {
                    "readers": [
                        {"pull": {"exporter": {"prometheus": {"host": every, "port": METRICS}}}}
                    ]
                },
            },
        },
    }


def server(ctx: Context) -> Server:
    """Return the one server."""
    check = {"httpGet": {"path": "/status", "port": "health"}}
    return Server(
        name=NAME,
        namespace=NAME,
        user=USER,
        annotations=versioned(yaml.safe_dump(configuration(ctx))),
        volumes={"config": {"configMap": {"name": NAME}}},
        container={
            "image": ctx.image(NAME),
            "args": ["--config=/etc/cnai/config.yaml"],
            "ports": [
                {"name": "otlp", "containerPort": OTLP},
                {"name": "query", "containerPort": QUERY},
                {"name": "health", "containerPort": HEALTH},
                {"name": "metrics", "containerPort": METRICS},
            ],
            "readinessProbe": {**check, "periodSeconds": 3},
            "livenessProbe": {**check, "periodSeconds": 30, "timeoutSeconds": 10},
            "securityContext": container_security(),
            "resources": resources("10m", "64Mi", "512Mi"),
            "volumeMounts": mounts(config="/etc/cnai"),
        },
    )


def workloads(ctx: Context) -> list[Manifest]:
    """Return the server, its address and its configuration."""
    served, query = server(ctx), {"name": "query", "port": QUERY}
    node_port = ctx.facts.node_ports.get(NAME)
    if node_port:
        query["nodePort"] = node_port
    return [
        served.config({"config.yaml": yaml.safe_dump(configuration(ctx))}),
        served.service(
            [query, {"name": "otlp", "port": OTLP}], type_="NodePort" if node_port else "ClusterIP"
        ),
        served.deployment(),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that it can be asked."""
    return (
        available("Deployment", NAME, NAME),
        answers(NAME, NAME, QUERY, "/api/services", contains='"data"'),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that a span comes back as it was sent."""
    return (
        completes(
            "a span comes back from Jaeger",
            job(
                NAME,
                NAME,
                "jaeger-proof",
                image=ctx.image("curl"),
                command=["bash", "-c", script(NAME, "proof.sh")],
                user=USER,
                env=variables({"OTLP": f"{ADDRESS}:{OTLP}", "JAEGER": f"{ADDRESS}:{QUERY}"}),
            ),
        ),
    )


ADDON = Addon(
    name=NAME,
    title="The latest traces, in memory, and an API to find them",
    namespace=NAME,
    images=(NAME, "curl"),
    settings=JaegerSettings,
    workloads=workloads,
    ready=ready,
    proof=proof,
    endpoints={NAME: "http"},
    addresses={"traces": f"{ADDRESS}:{OTLP}", NAME: f"{ADDRESS}:{QUERY}"},
    scrapes=(Scrape(name=NAME, namespace=NAME, labels=selector(NAME), port=METRICS),),
)
