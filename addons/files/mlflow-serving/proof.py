"""Stores a small model, serves it by an InferenceService, asks it, and takes both away again.

Arguments: the bucket, the ServiceAccount that may read it.
"""

# mypy: disable-error-code="import-not-found"
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import requests

BUCKET, ACCOUNT = sys.argv[1:]
NAME, WITHIN = "proof", 300
FOLDER = "cnai-proof"
# What has to be said of every model that a team serves.
ABOUT = {
    "cnai.dev/model-owner": "platform",
    "cnai.dev/model-licence": "Apache-2.0",
    "cnai.dev/model-source": f"s3://{BUCKET}/{FOLDER}",
    "cnai.dev/model-revision": "1",
    "cnai.dev/model-card": f"s3://{BUCKET}/{FOLDER}/MLmodel",
}
CODE = """
import mlflow, numpy

class Weighted(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return numpy.asarray(model_input) @ numpy.array([2.0, 3.0, 5.0])

mlflow.models.set_model(Weighted())
"""
IDENTITY = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SPACE = (IDENTITY / "namespace").read_text()
SERVICES = (
    "https://kubernetes.default.svc/apis/serving.kserve.io/v1beta1"
    f"/namespaces/{SPACE}/inferenceservices"
)
ARTIFACTS = f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0/mlflow-artifacts/artifacts/{FOLDER}"
LOGIN = (os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"])
cluster = requests.Session()
cluster.verify = str(IDENTITY / "ca.crt")
cluster.headers["Authorization"] = f"Bearer {(IDENTITY / 'token').read_text()}"


def store() -> None:
    """Write a model in MLflow's format and put it into the bucket, by way of MLflow's server."""
    with tempfile.TemporaryDirectory() as work:
        code, model = Path(work, "weighted.py"), Path(work, "model")
        code.write_text(CODE)
        example = np.zeros((1, 3))
        mlflow.pyfunc.save_model(
            model,
            python_model=str(code),
            signature=mlflow.models.infer_signature(example, np.zeros(1)),
            pip_requirements=["numpy"],
        )
        for file in filter(Path.is_file, model.rglob("*")):
            where = f"{ARTIFACTS}/{file.relative_to(model)}"
            requests.put(where, data=file.read_bytes(), auth=LOGIN, timeout=60).raise_for_status()


def serve() -> None:
    """Create the InferenceService; it belongs to this pod's Job and goes with it at the latest."""
    job = {"apiVersion": "batch/v1", "kind": "Job", "name": os.environ["JOB"]}
    service: Any = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": NAME,
            "annotations": {"serving.kserve.io/autoscalerClass": "none", **ABOUT},
            "ownerReferences": [{**job, "uid": os.environ["JOB_UID"]}],
        },
        "spec": {
            "predictor": {
                "serviceAccountName": ACCOUNT,
                "model": {
                    "modelFormat": {"name": "mlflow"},
                    "protocolVersion": "v2",
                    "storageUri": f"s3://{BUCKET}/{FOLDER}",
                },
            }
        },
    }
    cluster.post(SERVICES, json=service, timeout=30).raise_for_status()


def ask() -> list[float]:
    """Return the answer for two rows, once there is one."""
    rows: Any = {"name": "rows", "shape": [2, 3], "datatype": "FP64", "data": [1, 0, 0, 1, 1, 1]}
    url = f"http://{NAME}-predictor.{SPACE}.svc/v2/models/{NAME}/infer"
    end = time.monotonic() + WITHIN
    while True:
        try:
            answer = requests.post(url, json={"inputs": [rows]}, timeout=10)
            answer.raise_for_status()
        except requests.RequestException as error:
            if time.monotonic() > end:
                state = cluster.get(f"{SERVICES}/{NAME}", timeout=30).json().get("status")
                raise SystemExit(f"no answer after {WITHIN} s: {error}; {state}") from error
            time.sleep(1)
        else:
            (output,) = answer.json()["outputs"]
            return list(output["data"])


try:
    cluster.delete(f"{SERVICES}/{NAME}", timeout=30)
    store()
    serve()
    answered = ask()
finally:
    cluster.delete(f"{SERVICES}/{NAME}", timeout=30)
    listed = requests.get(
        ARTIFACTS.removesuffix(f"/{FOLDER}"), params={"path": FOLDER}, auth=LOGIN, timeout=30
    ).json()
    for file in listed.get("files", []):
        requests.delete(f"{ARTIFACTS}/{file['path']}", auth=LOGIN, timeout=30)
if answered != [2.0, 10.0]:
    raise SystemExit(f"answered {answered}")
print(f"the model answered {answered}")
