"""Bring the handwritten digits into Feast: as a Parquet file to train on, as rows to serve.

    python docs/examples/golden_path/features.py   # beside the team's feature_store.yaml

The 1,797 digits ship inside scikit-learn. Definitions go to the registry, rows through the feature
server into the object store, and from there into the online store: by the upstream client and HTTP,
without a password or a key. A second run finds all in place.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import pandas as pd
import requests
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource
from feast.types import Array, Int64
from feast.value_type import ValueType
from sklearn.datasets import load_digits

LAPTOP = "http://object-store.object-store.svc:7070"
KNOWN_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
DIGIT = Entity(name="digit", join_keys=["digit_id"], value_type=ValueType.INT64)


def view(field: Field, folder: str, s3: str, *, online: bool) -> FeatureView:
    """Return a view of one feature, which the feature server writes into a Parquet file."""
    name = f"digit_{field.name}"
    path, time = f"{folder}/{name}.parquet", "event_timestamp"
    file = FileSource(name=name, path=path, timestamp_field=time, s3_endpoint_override=s3)
    push = PushSource(name=f"{name}_push", batch_source=file)
    return FeatureView(name=name, entities=[DIGIT], schema=[field], source=push, online=online)


def digits() -> pd.DataFrame:
    """Return the digits: an id, 64 brightnesses from 0 to 16, and the digit that is shown."""
    data = load_digits()
    known = {"digit_id": range(len(data.target)), "event_timestamp": KNOWN_SINCE.isoformat()}
    known |= {"pixels": data.data.astype(int).tolist(), "label": data.target.tolist()}
    return pd.DataFrame(known)


def main() -> None:
    """Apply, write, materialize; then read rows to train on and rows to serve."""
    parser = argparse.ArgumentParser(description="Bring the digits into Feast.")
    parser.add_argument("--repo", default=".", help="folder of the team's feature_store.yaml")
    parser.add_argument("--bucket", default="s3://feast", help="where Parquet files go")
    parser.add_argument("--s3", default=LAPTOP, help="where S3 is ('' in a cloud)")
    asked = parser.parse_args()
    store, table = FeatureStore(asked.repo), digits()
    server, folder = store.config.online_store.path, f"{asked.bucket}/{store.project}"

    # What is known of a digit: its picture, and what it shows, which is only there to train on.
    pixels = view(Field(name="pixels", dtype=Array(Int64)), folder, asked.s3, online=True)
    label = view(Field(name="label", dtype=Int64), folder, asked.s3, online=False)
    store.apply([DIGIT, pixels, label, FeatureService(name="digits", features=[pixels, label])])

    if not store.get_feature_view(pixels.name).materialization_intervals:
        for each in (pixels, label):
            columns = table[["digit_id", each.features[0].name, "event_timestamp"]].to_dict("list")
            rows = {"push_source_name": f"{each.name}_push", "df": columns, "to": "offline"}
            rows["allow_registry_cache"] = False
            requests.post(f"{server}/push", json=rows, timeout=300).raise_for_status()
        store.materialize_incremental(datetime.now(UTC), feature_views=[pixels.name])

    entities = table[["digit_id"]].assign(event_timestamp=datetime.now(UTC))
    known = store.get_historical_features(entities, store.get_feature_service("digits")).to_df()
    print(f"{len(known)} digits to train on, {known.label.nunique()} different ones")
    some = [0, len(table) - 1]
    body = {"features": ["digit_pixels:pixels"], "entities": {"digit_id": some}}
    answer = requests.post(f"{server}/get-online-features", json=body, timeout=60).json()
    column = answer["metadata"]["feature_names"].index("pixels")
    if answer["results"][column]["values"] != table.pixels.iloc[some].to_list():
        raise SystemExit(f"the online store has other digits: {answer}")
    print(f"digits {some} are served as they were written")


if __name__ == "__main__":
    main()
