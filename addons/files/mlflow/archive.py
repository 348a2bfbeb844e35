"""Prints what a team has in MLflow, as lines of JSON, and last how many there were.

Each line has a ``kind``: experiment, run (parameters, tags, latest metrics and the history of each
as [step, milliseconds since 1970, value]), logged_model, registered_model, model_version, and
artifact with its size in bytes. Deleted experiments and runs are among them. Numbers that JSON has
not are texts. Environment: as of ``remove.py``.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3  # type: ignore[import-not-found]
import mlflow
from botocore.config import Config  # type: ignore[import-not-found]
from mlflow.entities import ViewType

SPACE, BUCKET = os.environ["SPACE"], os.environ["BUCKET"]
client = mlflow.MlflowClient()


def every(search: Callable[..., Any], **asked: Any) -> Iterator[Any]:
    """Yield the results of a search, page after page."""
    token: str | None = None
    while True:
        found = search(**asked, page_token=token)
        yield from found
        token = found.token
        if not token:
            return


def number(value: float) -> float | str:
    """Return a number as JSON can have it."""
    return value if math.isfinite(value) else str(value)


def run(found: Any) -> dict[str, Any]:
    """Return a run with the whole history of its metrics."""
    id_, data = found.info.run_id, found.data
    history = {
        name: [[m.step, m.timestamp, number(m.value)] for m in client.get_metric_history(id_, name)]
        for name in data.metrics
    }
    return {
        "run_id": id_,
        "experiment_id": found.info.experiment_id,
        "name": found.info.run_name,
        "status": found.info.status,
        "start_time": found.info.start_time,
        "end_time": found.info.end_time,
        "lifecycle_stage": found.info.lifecycle_stage,
        "params": data.params,
        "tags": data.tags,
        "metrics": {name: number(value) for name, value in data.metrics.items()},
        "history": history,
    }


def plain(entity: Any, *names: str) -> dict[str, Any]:
    """Return what an entity says, by the names of its fields."""
    return {name: getattr(entity, name) for name in names}


def lines() -> Iterator[dict[str, Any]]:
    """Yield all that there is."""
    if SPACE not in {known.name for known in client.list_workspaces()}:
        return
    mlflow.set_workspace(SPACE)
    stages = ("name", "tags", "lifecycle_stage", "creation_time", "last_update_time")
    for experiment in every(client.search_experiments, view_type=ViewType.ALL):
        id_ = experiment.experiment_id
        yield {"kind": "experiment", "experiment_id": id_, **plain(experiment, *stages)}
        for found in every(client.search_runs, experiment_ids=[id_], run_view_type=ViewType.ALL):
            yield {"kind": "run", **run(found)}
        fields = ("model_id", "name", "source_run_id", "creation_timestamp", "params", "tags")
        for model in every(client.search_logged_models, experiment_ids=[id_]):
            yield {"kind": "logged_model", "experiment_id": id_, **plain(model, *fields)}
    times = ("description", "tags", "creation_timestamp", "last_updated_timestamp")
    for model in every(client.search_registered_models):
        yield {"kind": "registered_model", "aliases": model.aliases, **plain(model, "name", *times)}
    of_version = ("name", "version", "source", "run_id", "status", "aliases", *times)
    for version in every(client.search_model_versions):
        yield {"kind": "model_version", **plain(version, *of_version)}
    store = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    prefix = f"workspaces/{SPACE}/"
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for entry in page.get("Contents", []):
            path = entry["Key"].removeprefix(prefix)
            yield {"kind": "artifact", "path": path, "size": entry["Size"]}


count = 0
for line in lines():
    print(json.dumps(line, allow_nan=False), flush=True)
    count += 1
print(json.dumps({"count": count}), flush=True)
