from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from addons import jaeger, opentelemetry, trainer
from addons.opentelemetry import OpentelemetrySettings, configuration, proof
from components.addon import Addon, Context

Make = Callable[[Addon], Context]
STORE = jaeger.ADDON.addresses["traces"]


def seen(context: Make, *, addresses: dict[str, str] | None = None, **settings: str) -> Context:
    ctx = replace(context(opentelemetry.ADDON), settings=OpentelemetrySettings(**settings))
    return ctx if addresses is None else replace(ctx, addresses=addresses)


def sent_to(ctx: Context, signal: str) -> list[str]:
    made = configuration(ctx)
    named = made["service"]["pipelines"][signal]["exporters"]
    return [e["endpoint"] for n, e in made["exporters"].items() if n in named and "otlp" in n]


def asked(ctx: Context) -> set[str]:
    (probe,) = proof(ctx)
    (container,) = probe.args["manifest"]["spec"]["template"]["spec"]["containers"]
    return {variable["name"] for variable in container["env"]}


@pytest.mark.parametrize("made", [opentelemetry, jaeger])
def test_pipelines_name_only_what_is_there(made: Any, context: Make) -> None:
    config = made.configuration(context(made.ADDON))
    assert set(config["service"]["extensions"]) == set(config["extensions"])
    for pipeline in config["service"]["pipelines"].values():
        for role in ("receivers", "processors", "exporters"):
            there = {
                **config[role],
                **(config.get("connectors", {}) if role != "processors" else {}),
            }
            assert set(pipeline[role]) <= set(there)
        assert pipeline["processors"][0] == "memory_limiter", "it guards only what comes after it"


def test_traces_go_to_the_store_of_the_platform_and_are_asked_for_there(context: Make) -> None:
    ctx = seen(context)
    assert sent_to(ctx, "traces") == [STORE]
    assert "JAEGER" in asked(ctx)


def test_a_store_of_ones_own_takes_its_place(context: Make) -> None:
    ctx = seen(context, traces="http://tempo:4318", logs="http://loki:3100/otlp")
    assert sent_to(ctx, "traces") == ["http://tempo:4318"]
    assert sent_to(ctx, "logs") == ["http://loki:3100/otlp"]
    assert "JAEGER" not in asked(ctx)


def test_without_a_store_spans_are_still_counted(context: Make) -> None:
    ctx = seen(context, addresses={})
    assert sent_to(ctx, "traces") == []
    assert "span_metrics" in configuration(ctx)["service"]["pipelines"]["traces"]["exporters"]
    assert "JAEGER" not in asked(ctx)


def environment(ctx: Context) -> dict[str, Any]:
    (job,) = trainer.runtime(ctx)["spec"]["template"]["spec"]["replicatedJobs"]
    (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def test_training_pods_know_the_collector_where_there_is_one(context: Make) -> None:
    ctx = context(trainer.ADDON)
    address = opentelemetry.ADDON.addresses["otlp"]
    assert environment(ctx)["OTEL_EXPORTER_OTLP_ENDPOINT"] == address
    without = environment(replace(ctx, addresses={}))
    assert not [name for name in without if name.startswith("OTEL_")]


def test_variables_that_others_name_come_before_them(context: Make) -> None:
    """Kubernetes puts the value of an earlier variable in, and leaves a later one as it stands."""
    names = list(environment(context(trainer.ADDON)))
    assert max(map(names.index, ("POD", "NAMESPACE", "NODE"))) < names.index(
        "OTEL_RESOURCE_ATTRIBUTES"
    )
