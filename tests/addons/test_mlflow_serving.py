from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from addons import catalogue
from addons.mlflow_serving import ADDON, access, environment, runtime
from components.addon import Addon, Context, everything
from components.scrapes import TEAMS
from components.team import Team

Make = Callable[[Addon], Context]


@pytest.fixture
def ctx(context: Make) -> Context:
    return dataclasses.replace(context(catalogue()["mlflow-serving"]), addresses={})


def test_traces_are_sent_where_a_collector_is(ctx: Context) -> None:
    assert environment(ctx)["OTEL_SDK_DISABLED"] == "true"
    told = environment(dataclasses.replace(ctx, addresses={"otlp": "http://collector:4318"}))
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert "OTEL_SDK_DISABLED" not in told


def test_teams_get_the_key_of_the_reader_and_never_the_owner(ctx: Context) -> None:
    bucket = ctx.bucket("mlflow")
    keys, account = access(ctx, "ml-default")
    assert keys["stringData"]["AWS_ACCESS_KEY_ID"] == bucket.reader.access_key != bucket.access_key
    assert bucket.secret_key not in keys["stringData"].values()
    assert account["secrets"] == [{"name": keys["metadata"]["name"]}]


def test_every_team_of_the_platform_has_an_account_for_its_models(ctx: Context) -> None:
    made = everything(ADDON, ctx).workloads
    placed = {m["metadata"]["namespace"] for m in made if m["kind"] == "ServiceAccount"}
    assert placed >= {team.namespace for team in ctx.teams}


def test_a_tenant_gets_no_key_to_the_models_of_others(ctx: Context) -> None:
    assert not ADDON.per_team(ctx, Team(name="vision", tenant=True)).workloads


def test_metrics_are_declared_where_the_runtime_serves_them(ctx: Context) -> None:
    (scrape,) = ADDON.scrapes
    spec = runtime(ctx)["spec"]
    assert scrape.namespace == TEAMS
    assert dict(scrape.labels).items() <= spec["labels"].items()
    assert scrape.port in {p["containerPort"] for p in spec["containers"][0]["ports"]}
