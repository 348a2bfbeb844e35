"""Serve the registered digits model, and ask it about digits that no node has trained on.

    python docs/examples/golden_path/serve.py

Which digits these are is in the run, their pictures come from Feast's online store, and the answers
over HTTP by the open inference protocol. MLflow, Feast and KServe are spoken to as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import mlflow
import requests
from kubernetes import client, config

KIND = ("serving.kserve.io", "v1beta1")
PLURAL = "inferenceservices"


def told(version: Any, team: str) -> dict[str, str]:
    """Return what has to be said of a model that a team serves; MLflow knows it."""
    said = {
        "owner": team,
        "licence": version.tags.get("licence", ""),
        "source": f"runs:/{version.run_id}",
        "revision": version.version,
        "card": f"models:/{version.name}/{version.version}",
    }
    return {f"cnai.dev/model-{part}": value for part, value in said.items()}


def service(name: str, namespace: str, version: Any) -> dict[str, Any]:
    """Return the InferenceService of a version in MLflow's registry."""
    return {
        "apiVersion": "/".join(KIND),
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {
                "serving.kserve.io/autoscalerClass": "none",
                **told(version, namespace),
            },
        },
        "spec": {
            "predictor": {
                "model": {
                    "modelFormat": {"name": "mlflow"},
                    "protocolVersion": "v2",
                    "storageUri": f"models:/{version.name}/{version.version}",
                }
            }
        },
    }


def serve(body: dict[str, Any], seconds: int) -> float:
    """Create or change the InferenceService and wait; return the seconds until it was ready."""
    api, began = client.CustomObjectsApi(), time.monotonic()
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    try:
        api.create_namespaced_custom_object(*KIND, namespace, PLURAL, body)
    except client.ApiException as error:
        if error.reason != "Conflict":
            raise
        api.patch_namespaced_custom_object(*KIND, namespace, PLURAL, name, body)
    while time.monotonic() < began + seconds:
        status = api.get_namespaced_custom_object(*KIND, namespace, PLURAL, name).get("status", {})
        said = {c["type"]: c for c in status.get("conditions", [])}
        if said.get("Ready", {}).get("status") == "True":
            return time.monotonic() - began
        time.sleep(1)
    raise SystemExit(f"{name} is not ready after {seconds} s: {said}")


@contextlib.contextmanager
def forwarded(namespace: str, name: str, port: int) -> Iterator[str]:
    """Give the address of a Service on this machine for as long as it is needed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        here = free.getsockname()[1]
    command = ["kubectl", "-n", namespace, "port-forward", f"svc/{name}", f"{here}:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout
        if "Forwarding" not in forward.stdout.readline():
            raise SystemExit(f"{' '.join(command)} failed")
        try:
            yield f"http://127.0.0.1:{here}"
        finally:
            forward.terminate()


def pictures(feast: str, ids: list[int]) -> list[list[int]]:
    """Return the pixels of digits from the online store."""
    body: Any = {"features": ["digit_pixels:pixels"], "entities": {"digit_id": ids}}
    answer = requests.post(f"{feast}/get-online-features", json=body, timeout=60).json()
    column = answer["metadata"]["feature_names"].index("pixels")
    return list(answer["results"][column]["values"])


def ask(url: str, name: str, rows: list[list[int]], trace: str) -> list[int]:
    """Return what the model takes each picture for; ``trace`` is the id that the spans get."""
    pixels = [float(pixel) for row in rows for pixel in row]
    tensor: Any = {"name": "pixels", "shape": [len(rows), 64], "datatype": "FP64", "data": pixels}
    answer = requests.post(
        f"{url}/v2/models/{name}/infer",
        json={"inputs": [tensor]},
        headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
        timeout=60,
    )
    answer.raise_for_status()
    return list(answer.json()["outputs"][0]["data"])


def main() -> None:
    """Serve the model, ask it, and compare with what MLflow recorded."""
    parser = argparse.ArgumentParser(description="Serve the digits model and ask it.")
    parser.add_argument("--namespace", default="ml-default", help="the team's namespace")
    parser.add_argument("--model", default="digits", help="name in the model registry")
    parser.add_argument("--version", help="its version (the newest)")
    parser.add_argument("--timeout", type=int, default=300, help="seconds until it is ready")
    args = parser.parse_args()
    config.load_kube_config()
    registry = mlflow.MlflowClient()
    versions = registry.search_model_versions(f"name = '{args.model}'")
    known = {v.version: v for v in versions}
    newest = args.version or str(max(map(int, known), default=0))
    if newest not in known:
        raise SystemExit(f"no version of `{args.model}` in MLflow: run train_digits.py first")
    run = registry.get_run(str(known[newest].run_id))
    held_out = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/held_out.json")

    took = serve(service(args.model, args.namespace, known[newest]), args.timeout)
    print(f"{args.model} version {newest} is ready after {took:.0f} s")
    trace = secrets.token_hex(16)
    with forwarded("feast", args.namespace, 6566) as feast:
        rows = pictures(feast, held_out["digit_id"])
    with forwarded(args.namespace, f"{args.model}-predictor", 80) as predictor:
        said = ask(predictor, args.model, rows, trace)
    right = sum(a == b for a, b in zip(said, held_out["digit"], strict=True))
    recorded = run.data.metrics["test_accuracy"]
    print(f"{right} of {len(said)} held-out digits, accuracy {right / len(said):.4f}")
    print(f"MLflow recorded {recorded:.4f}; trace {trace}")


if __name__ == "__main__":
    main()
