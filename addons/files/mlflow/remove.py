"""Takes away what a team has in MLflow: its user, its workspace, its artifacts; twice is as once.

Environment: TEAM, SPACE (the team's own workspace), the admin's MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD, and the keys of the bucket that the server keeps artifacts in.
"""

import os

import boto3  # type: ignore[import-not-found]
import mlflow
from botocore.config import Config  # type: ignore[import-not-found]
from mlflow.exceptions import MlflowException, RestException
from mlflow.server.auth.client import AuthServiceClient

TEAM, SPACE, BUCKET = os.environ["TEAM"], os.environ["SPACE"], os.environ["BUCKET"]
server = os.environ["MLFLOW_TRACKING_URI"]
client, users = mlflow.MlflowClient(server), AuthServiceClient(server)


def user() -> None:
    """Take the user away, who is shut out by it."""
    try:
        users.delete_user(TEAM)
    except (MlflowException, RestException) as error:
        if "RESOURCE_DOES_NOT_EXIST" not in str(error):
            raise


def space() -> None:
    """Take the roles in the workspace away, and the workspace with all that it holds."""
    for role in users.list_roles(SPACE):
        users.delete_role(role.id)
    if SPACE in {known.name for known in client.list_workspaces()}:
        client.delete_workspace(SPACE, mode="CASCADE")


def artifacts() -> int:
    """Take the files away, which the server leaves; return how many there were."""
    store = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    pages = store.get_paginator("list_objects_v2")
    found = [
        {"Key": entry["Key"]}
        for page in pages.paginate(Bucket=BUCKET, Prefix=f"workspaces/{SPACE}/")
        for entry in page.get("Contents", [])
    ]
    for start in range(0, len(found), 1000):  # as many as one request may name
        objects = {"Objects": found[start : start + 1000], "Quiet": True}
        answer = store.delete_objects(Bucket=BUCKET, Delete=objects)
        if answer.get("Errors"):
            raise SystemExit(f"files of {SPACE} do not go: {answer['Errors'][:3]}")
    return len(found)


if SPACE == "default":
    raise SystemExit("the workspace of the platform's own teams stays")
user()
space()
print(f"user {TEAM} and workspace {SPACE} went, and {artifacts()} files of its runs and models")
