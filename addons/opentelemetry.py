"""OpenTelemetry: one address for the traces, metrics and logs of everything on the platform."""

from __future__ import annotations

import yaml

from addons import script
from components.addon import Addon, AddonSettings, Context, Manifest
from components.labels import selector
from components.pods import container_security, job, resources, versioned
from components.probes import Probe, answers, available, completes
from components.scrapes import Scrape
from components.team import Share, Team, Way
from components.workloads import Server, mounts, variables

NAME = "opentelemetry"
COLLECTOR = "otel-collector"
USER = 65532
GRPC, HTTP, HEALTH = 4317, 4318, 13133
OWN_METRICS, METRICS = 8888, 8889
ADDRESS = f"http://{COLLECTOR}.{NAME}.svc"


class OpentelemetrySettings(AddonSettings):
    """``traces``, ``metrics`` and ``logs`` are stores of one's own, each an OTLP/HTTP address.

    Traces go to the platform's own store where none is named; metrics and logs go to what is named
    besides being scraped and printed.
    """

    traces: str | None = None
    metrics: str | None = None
    logs: str | None = None


def stores(ctx: Context) -> dict[str, str]:
    """Return, by signal, the OTLP/HTTP address that it is sent on to."""
    said = {
        "traces": ctx.settings.traces or ctx.addresses.get("traces"),
        "metrics": ctx.settings.metrics,
        "logs": ctx.settings.logs,
    }
    return {signal: address for signal, address in said.items() if address}


def configuration(ctx: Context) -> Manifest:
    """Return the collector's configuration."""
    every, onward = "0.0.0.0", stores(ctx)
    exporters: Manifest = {
        # Printed, so that `kubectl logs` shows what came in.
        "debug": {"verbosity": "basic"},
        "debug/detailed": {"verbosity": "detailed"},
        # Collected by whatever collects the platform's metrics. Series that end are forgotten.
        "prometheus": {"endpoint": f"{every}:{METRICS}", "metric_expiration": "10m"},
        **{f"otlp_http/{signal}": {"endpoint": url} for signal, url in onward.items()},
    }

    def pipeline(signal: str, receivers: list[str], own: list[str]) -> Manifest:
        sent = [f"otlp_http/{signal}"] if signal in onward else []
        return {
            "receivers": receivers,
            "processors": ["memory_limiter", "batch"],
            "exporters": [*own, *sent],
        }

    return {
        "extensions": {"health_check": {"endpoint": f"{every}:{HEALTH}"}},
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"{every}:{GRPC}"},
                    "http": {"endpoint": f"{every}:{HTTP}"},
                }
            }
        },
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 80},
            "batch": {"timeout": "1s"},
        },
        "connectors": {
            # Rate, errors and duration by service and span, of all spans that pass.
            "span_metrics": {
                "histogram": {"unit": "s"},
                "metrics_flush_interval": "5s",
                "metrics_expiration": "10m",
                "series_expiration": "10m",
            }
        },
        "exporters": exporters,
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "traces": pipeline("traces", ["otlp"], ["debug", "span_metrics"]),
                "metrics": pipeline("metrics", ["otlp", "span_metrics"], ["prometheus"]),
                "logs": pipeline("logs", ["otlp"], ["debug/detailed"]),
            },
            "telemetry": {
                "metrics": {
                    "readers": [
                        {"pull": {"exporter": {"prometheus": {"host": every, "port": OWN_METRICS}}}}
                    ]
                }
            },
        },
    }


def server(ctx: Context) -> Server:
    """Return the gateway that everything sends to."""
    check = {"httpGet": {"path": "/", "port": "health"}}
    ports = {
        "otlp-grpc": GRPC,
        "otlp-http": HTTP,
        "health": HEALTH,
        "own-metrics": OWN_METRICS,
        "metrics": METRICS,
    }
    return Server(
        name=COLLECTOR,
        addon=NAME,
        namespace=NAME,
        user=USER,
        annotations=versioned(yaml.safe_dump(configuration(ctx))),
        volumes={"config": {"configMap": {"name": COLLECTOR}}},
        container={
            "image": ctx.image(COLLECTOR),
            "args": ["--config=/etc/cnai/config.yaml"],
            "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
            "readinessProbe": {**check, "periodSeconds": 3},
            "livenessProbe": {**check, "periodSeconds": 30, "timeoutSeconds": 10},
            "securityContext": container_security(),
            "resources": resources("10m", "64Mi", "384Mi"),
            "volumeMounts": mounts(config="/etc/cnai"),
        },
    )


def workloads(ctx: Context) -> list[Manifest]:
    """Return the gateway, its address and its configuration."""
    gateway = server(ctx)
    return [
        gateway.config({"config.yaml": yaml.safe_dump(configuration(ctx))}),
        gateway.service(
            [{"name": p["name"], "port": p["containerPort"]} for p in gateway.container["ports"]]
        ),
        gateway.deployment(),
    ]


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the gateway says that it is well."""
    return (
        available("Deployment", NAME, COLLECTOR),
        answers(NAME, COLLECTOR, HEALTH, "/", contains="Server available"),
    )


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that a span, a metric and a log record come out where they should."""
    found = {"JAEGER": ctx.addresses["jaeger"]} if sends_to_platform(ctx) else {}
    return (
        completes(
            "a span, a metric and a log record come out of the collector",
            job(
                NAME,
                NAME,
                "opentelemetry-proof",
                image=ctx.image("curl"),
                command=["bash", "-c", script(NAME, "proof.sh")],
                user=USER,
                env=variables(
                    {
                        "OTLP": f"{ADDRESS}:{HTTP}",
                        "METRICS": f"{ADDRESS}:{METRICS}/metrics",
                        "OWN_METRICS": f"{ADDRESS}:{OWN_METRICS}/metrics",
                        **found,
                    }
                ),
            ),
        ),
    )


def sends_to_platform(ctx: Context) -> bool:
    """Return whether traces can be asked for again in the platform's own store."""
    return "jaeger" in ctx.addresses and stores(ctx).get("traces") == ctx.addresses.get("traces")


def per_team(_ctx: Context, _team: Team) -> Share:
    """Open the way for what a team's pods tell of themselves."""
    return Share(ways=[Way(namespace=NAME, pods=selector(NAME, COLLECTOR), ports=(GRPC, HTTP))])


ADDON = Addon(
    name=NAME,
    title="One address for traces, metrics and logs",
    namespace=NAME,
    after=("jaeger",),
    images=(COLLECTOR, "curl"),
    settings=OpentelemetrySettings,
    workloads=workloads,
    ready=ready,
    per_team=per_team,
    proof=proof,
    addresses={"otlp": f"{ADDRESS}:{HTTP}"},
    scrapes=tuple(
        Scrape(name=name, namespace=NAME, labels=selector(NAME, COLLECTOR), port=port)
        for name, port in ((COLLECTOR, OWN_METRICS), (NAME, METRICS))
    ),
)
