"""What a pod of a team asks of the servers that teams share, of its own team and of another.

The programs print ``yes`` or ``no``; ``{of}`` is the team that they ask about, ``{run}`` the id of
a run of that team.
"""

from __future__ import annotations

from dataclasses import dataclass

S3 = """\
import boto3, os
from botocore.config import Config
from botocore.exceptions import ClientError
store = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
def may(ask):
    try:
        ask()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        print("no")
    else:
        print("yes")
"""
RUNS = """\
import mlflow
from mlflow.exceptions import MlflowException
mlflow.set_workspace("{of}")
client = mlflow.MlflowClient()
"""
FEATURES = """\
import os, pathlib, yaml
from datetime import UTC, datetime, timedelta
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Int64
pathlib.Path("/tmp/feature_store.yaml").write_text(os.environ["CLIENT"])
store = FeatureStore("/tmp")
"""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One row: what is asked, and the program that asks it in an image."""

    what: str
    image: str
    program: str


DATA = (
    Kept(
        what="list objects",
        image="mlflow",
        program=S3 + 'may(lambda: store.list_objects_v2(Bucket="team-{of}"))',
    ),
    Kept(
        what="read an object",
        image="mlflow",
        program=S3 + 'may(lambda: store.get_object(Bucket="team-{of}", Key="object"))',
    ),
    Kept(
        what="write an object",
        image="mlflow",
        program=S3 + 'may(lambda: store.put_object(Bucket="team-{of}", Key="asked", Body=b"x"))',
    ),
    Kept(
        what="remove an object",
        image="mlflow",
        program=S3 + 'may(lambda: store.delete_object(Bucket="team-{of}", Key="asked"))',
    ),
    Kept(
        what="find the experiments",
        image="mlflow",
        program=RUNS
        + """\
found = [one.name for one in client.search_experiments() if one.name == "kept"]
print("yes" if found else "no")
""",
    ),
    Kept(
        what="read a run",
        image="mlflow",
        program=RUNS
        + """\
try:
    print("yes" if client.get_run("{run}").data.metrics == {"loss": 0.5} else "another")
except MlflowException as error:
    print("no" if error.error_code in {"PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST"} else error)
""",
    ),
    Kept(
        what="write into a run",
        image="mlflow",
        program=RUNS
        + """\
try:
    client.set_tag("{run}", "asked", "yes")
    print("yes")
except MlflowException as error:
    print("no" if error.error_code in {"PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST"} else error)
""",
    ),
    Kept(
        what="see the definitions of features",
        image="feast",
        program=FEATURES
        + """\
found = store.registry.list_feature_views(project="{of}")
print("yes" if [view.name for view in found] == ["own"] else "no")
""",
    ),
    Kept(
        what="read rows to train on, by a source that names the file",
        image="feast",
        program=FEATURES
        + """\
entity = Entity(name="ticket", join_keys=["ticket"], value_type=ValueType.INT64)
files = FileSource(name="asked", path="s3://team-{of}/own.parquet",
                   timestamp_field="event_timestamp",
                   s3_endpoint_override=os.environ["AWS_ENDPOINT_URL"])
view = FeatureView(name="asked", entities=[entity], schema=[Field(name="answer", dtype=Int64)],
                   source=files, ttl=timedelta(days=1))
wanted = pd.DataFrame({"ticket": [1], "event_timestamp": [datetime.now(UTC)]})
try:
    store.apply([entity, view])
    rows = store.get_historical_features(wanted, ["asked:answer"]).to_df()
    print("yes" if list(rows["answer"]) == [42] else "no")
except Exception as error:
    denied = any(word in str(error) for word in ("ACCESS_DENIED", "AccessDenied", "403"))
    print("no" if denied else error)
""",
    ),
)
