"""Show what the platform knows of a model that is served: how often it answered, and one trace.

    python docs/examples/golden_path/observe.py TRACE

Prometheus and Jaeger are asked through the Kubernetes API, so they need no address outside of the
cluster. TRACE is what serve.py printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client, config

sys.path.insert(0, str(Path(__file__).parents[1]))
from find_trace import find_trace

ANSWERED = 'sum(model_infer_request_success_total{{model="{model}"}})'


def query(core: client.CoreV1Api, expression: str) -> float | None:
    """Return the value of a query that gives one; None while Prometheus has no sample of it."""
    answer = core.api_client.call_api(
        "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query",
        "GET",
        query_params=[("query", expression)],
        auth_settings=["BearerToken"],
        _preload_content=False,
    )
    found = json.loads((answer[0] if isinstance(answer, tuple) else answer).data)["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def wait(seen: Callable[[], Any], what: str, seconds: float) -> Any:
    """Return the first answer that is not empty; scrapes and traces come with a delay."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := seen():
            return answer
        time.sleep(2)
    raise SystemExit(f"not within {seconds:.0f} s: {what}")


def main() -> None:
    """Print the number of answers that Prometheus counted, and the spans of the trace."""
    parser = argparse.ArgumentParser(description="Show a model's metric and a trace.")
    parser.add_argument("trace", help="the id that serve.py printed")
    parser.add_argument("--model", default="digits")
    parser.add_argument("--timeout", type=int, default=120, help="seconds to wait for each")
    args = parser.parse_args()
    config.load_kube_config()
    core = client.CoreV1Api()
    asked = ANSWERED.format(model=args.model)
    count = wait(lambda: query(core, asked), f"a sample of {asked}", args.timeout)
    print(f"Prometheus counted {count:.0f} answers of {args.model}")
    spans = wait(lambda: find_trace(core, args.trace), f"trace {args.trace}", args.timeout)
    for span in spans:
        print(f"{span['duration'] / 1e6:8.3f} s  {span['operationName']}")


if __name__ == "__main__":
    main()
