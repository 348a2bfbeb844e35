"""Show a trace: what was done, on which node, and how long it took.

    KUBECONFIG=.cnai/kind.kubeconfig python docs/examples/find_trace.py TRACE

Jaeger is asked through the Kubernetes API, so it needs no address outside of the cluster.
"""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from typing import Any

from kubernetes import client, config


def find_trace(core: client.CoreV1Api, trace: str) -> list[dict[str, Any]]:
    """Return the spans of a trace in the order of their start; none if it is not there (yet)."""
    try:
        answer = core.connect_get_namespaced_service_proxy_with_path(
            "jaeger:query", "jaeger", f"api/traces/{trace}", _preload_content=False
        )
    except client.ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return []
        raise
    spans = [span for found in json.loads(answer.data)["data"] for span in found["spans"]]
    return sorted(spans, key=lambda span: span["startTime"])


def tags(span: dict[str, Any]) -> dict[str, Any]:
    """Return what a span says of itself."""
    return {tag["key"]: tag["value"] for tag in span["tags"]}


if __name__ == "__main__":
    config.load_kube_config()
    found = find_trace(client.CoreV1Api(), sys.argv[1])
    for span in found:
        said = {k: v for k, v in tags(span).items() if not k.startswith(("otel.", "span."))}
        print(f"{span['duration'] / 1e6:9.3f} s  {span['operationName']}  {said or ''}")
    sys.exit(None if found else f"no trace {sys.argv[1]}")
