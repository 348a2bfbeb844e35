"""Three rows go through Feast, by the servers alone, and come back; then all is taken away."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pandas as pd
import requests
import yaml
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Float64, Int64
from pyarrow import fs, parquet

PROJECT, BUCKET = os.environ["PROJECT"], os.environ["BUCKET"]
NAME = f"proof_{token_hex(4)}"
PATH = f"{BUCKET}/{PROJECT}/{NAME}.parquet"
TIMEOUT = 60
ROWS = {"ticket": [1, 2, 3], "answer": [42, 43, 44], "share": [0.5, 0.25, 0.125]}


def values(answer: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the rows of an answer of the feature server, by column."""
    names = answer["metadata"]["feature_names"]
    return dict(zip(names, (column["values"] for column in answer["results"]), strict=True))


Path("/tmp/feature_store.yaml").write_text(os.environ["CLIENT"])
client, direct = FeatureStore("/tmp"), FeatureStore("/etc/cnai")
bucket = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
server = yaml.safe_load(os.environ["CLIENT"])["online_store"]["path"]
now = datetime.now(UTC)

entity = Entity(name=f"{NAME}_ticket", join_keys=["ticket"], value_type=ValueType.INT64)
files = FileSource(
    name=NAME,
    path=f"s3://{PATH}",
    timestamp_field="event_timestamp",
    s3_endpoint_override=os.environ["AWS_ENDPOINT_URL"],
)
view = FeatureView(
    name=NAME,
    entities=[entity],
    schema=[Field(name="answer", dtype=Int64), Field(name="share", dtype=Float64)],
    source=PushSource(name=f"{NAME}_push", batch_source=files),
    ttl=timedelta(days=1),
)
try:
    client.apply([entity, view])
    pushed = {**ROWS, "event_timestamp": [(now - timedelta(minutes=1)).isoformat()] * 3}
    body: dict[str, Any] = {"push_source_name": f"{NAME}_push", "df": pushed, "to": "offline"}
    body["allow_registry_cache"] = False
    requests.post(f"{server}/push", json=body, timeout=TIMEOUT).raise_for_status()
    written = parquet.read_table(PATH, filesystem=bucket).select(list(ROWS)).to_pydict()
    if written != ROWS:
        raise SystemExit(f"the file holds {written}")

    asked = pd.DataFrame({"ticket": ROWS["ticket"], "event_timestamp": [now] * 3})
    features = [f"{NAME}:answer", f"{NAME}:share"]
    rows = client.get_historical_features(asked, features).to_df().sort_values("ticket")
    if rows[list(ROWS)].to_dict("list") != ROWS:
        raise SystemExit(f"the rows to train on are {rows}")

    client.materialize(now - timedelta(hours=1), now, feature_views=[NAME])
    body = {"features": features, "entities": {"ticket": ROWS["ticket"]}}
    answer = requests.post(f"{server}/get-online-features", json=body, timeout=TIMEOUT)
    answer.raise_for_status()
    if values(answer.json()) != ROWS:
        raise SystemExit(f"the server answers {answer.text}")
    print("three rows came back as they were written")
finally:
    if bucket.get_file_info(PATH).type == fs.FileType.File:
        bucket.delete_file(PATH)
    # With the stores at hand, so that the view's table goes too.
    sources = [source for source in direct.list_data_sources() if source.name.startswith(NAME)]
    direct.apply([], objects_to_delete=[view, entity, *sources], partial=False)
