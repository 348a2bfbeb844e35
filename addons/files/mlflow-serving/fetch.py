"""Fetches registered models through MLflow's server: URI FOLDER [URI FOLDER]..."""

import sys

import mlflow

for uri, folder in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder)
    print(f"{uri} is in {folder}")
