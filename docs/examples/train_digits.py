"""Train a digits classifier on two nodes, through the team's queue, and register it in MLflow.

    KUBECONFIG=.cnai/kind.kubeconfig python docs/examples/train_digits.py

The data are the 1,797 handwritten digits that ship inside scikit-learn. Each pod holds its own
half of them; JAX averages the gradients of both with Gloo, so that they train one model. Only
upstream tools are used: Kubeflow's SDK submits, Kueue admits, MLflow records, OpenTelemetry traces.
"""

# ruff: noqa: PLC0415, PLR0915  the SDK sends train_digits alone to the pods, so its imports are inside it
from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from pathlib import Path

import yaml
from kubeflow.trainer import CustomTrainer, KubernetesBackendConfig, TrainerClient
from kubeflow.trainer.options import Labels, Name
from kubernetes.client import ApiException, CoreV1Api, CustomObjectsApi
from kubernetes.config import ConfigException, list_kube_config_contexts
from urllib3.exceptions import HTTPError

MODEL_CODE = Path(__file__).with_name("digits_model.py")
ENDED = {"Complete", "Failed"}
POLL_SECONDS = 2
SETTLE_SECONDS = 30  # from a pod's last line to the end of its job


def train_digits(
    model_code: str,
    model: str,
    see: str,
    settings: dict[str, float],
    feast: dict[str, object] | None = None,
) -> None:
    """Train on all nodes as one; node 0 records the run in MLflow and registers the model."""
    import atexit
    import hashlib
    import os
    import pathlib

    import jax
    import jax.numpy as jnp
    import mlflow
    import numpy as np
    import pandas as pd
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
    from opentelemetry import context, propagate, trace
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    # Who takes part: Kubeflow Trainer sets these three in every pod.
    rank, nodes = int(os.environ["JAX_PROCESS_ID"]), int(os.environ["JAX_NUM_PROCESSES"])
    first = os.environ["JAX_COORDINATOR_ADDRESS"]
    # One trace of the whole job, to which each node adds its spans; without a collector, none.
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        trace.set_tracer_provider(provider := TracerProvider())  # at exit it sends what is left
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = trace.get_tracer("train_digits")
    job = propagate.extract({"traceparent": os.environ["TRACEPARENT"]})
    node = tracer.start_span("train", job, attributes={"node": rank, "nodes": nodes})
    atexit.register(node.end)  # however it ends
    context.attach(trace.set_span_in_context(node))
    with tracer.start_as_current_span("meet the other nodes"):
        jax.distributed.initialize(first, nodes, rank, cluster_detection_method="deactivate")
    mesh = Mesh(np.array(jax.devices()), ("node",))
    split, same = NamedSharding(mesh, PartitionSpec("node")), NamedSharding(mesh, PartitionSpec())

    # The data: a fifth is held out, and each node keeps only its share of the rest.
    with tracer.start_as_current_span("read the digits", attributes={"feast": bool(feast)}):
        if feast:  # the configuration of the team's feature store
            from datetime import UTC, datetime

            from feast import FeatureStore, RepoConfig

            store = FeatureStore(config=RepoConfig(**feast))
            asked = pd.DataFrame({"digit_id": range(1797), "event_timestamp": datetime.now(UTC)})
            rows = store.get_historical_features(asked, store.get_feature_service("digits"))
            known = rows.to_df().sort_values("digit_id")  # the same order on every node
            pixels, digits = np.stack(known.pixels).astype(float), known.label.to_numpy()
        else:
            pixels, digits = load_digits(return_X_y=True)
    seed = int(settings["seed"])
    x, x_test, y, y_test, _, held_out = train_test_split(
        pixels, digits, np.arange(len(digits)), test_size=0.2, random_state=seed
    )
    steps = len(x) // int(settings["batch"])
    share = len(x) // nodes
    x, y = x[rank * share :][:share].astype("float32") / 16, y[rank * share :][:share]

    # The model: one hidden layer. Every node starts from the same weights.
    random = np.random.default_rng(seed)
    hidden = int(settings["hidden"])
    start = {
        "w1": random.normal(0, 64**-0.5, (64, hidden)).astype("float32"),
        "b1": np.zeros(hidden, "float32"),
        "w2": random.normal(0, hidden**-0.5, (hidden, 10)).astype("float32"),
        "b2": np.zeros(10, "float32"),
    }
    weights = jax.device_put(start, same)
    velocity = jax.device_put(jax.tree.map(np.zeros_like, start), same)

    def loss_and_hits(w, pixels, digits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        scores = jax.nn.relu(pixels @ w["w1"] + w["b1"]) @ w["w2"] + w["b2"]
        right = jnp.take_along_axis(jax.nn.log_softmax(scores), digits[:, None], axis=1)
        return -right.mean(), (scores.argmax(1) == digits).mean()

    def step(w, v, pixels, digits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        # The mean runs over the batch of all nodes: here the gradients cross the network.
        (loss, hits), slope = jax.value_and_grad(loss_and_hits, has_aux=True)(w, pixels, digits)
        v = jax.tree.map(lambda a, b: settings["momentum"] * a - settings["rate"] * b, v, slope)
        return jax.tree.map(jnp.add, w, v), v, loss, hits

    step = jax.jit(step, out_shardings=same)
    if rank == 0:
        mlflow.set_experiment("digits")
        device = "none" if jax.default_backend() == "cpu" else "real"
        tags = {"device": device, "trainjob": os.environ["TRAINJOB"], "jax": jax.__version__}
        tags["trace"] = f"{node.get_span_context().trace_id:032x}"
        run = mlflow.start_run(run_name=os.environ["TRAINJOB"], tags=tags).info
        mlflow.log_params({**settings, "nodes": nodes, "devices": jax.device_count()})
        mlflow.log_param("features", "feast" if feast else "scikit-learn")
        mlflow.log_dict({"digit_id": held_out.tolist(), "digit": y_test.tolist()}, "held_out.json")

    for epoch in range(1, int(settings["epochs"]) + 1):
        order = random.permutation(share)
        seen = []
        with tracer.start_as_current_span("epoch", attributes={"epoch": epoch}) as span:
            for rows in np.array_split(order[: share // steps * steps], steps):
                batch = [jax.make_array_from_process_local_data(split, a[rows]) for a in (x, y)]
                weights, velocity, loss, hits = step(weights, velocity, *batch)
                seen.append((float(loss), float(hits)))
            loss, hits = np.mean(seen, axis=0)
            span.set_attributes({"loss": float(loss), "accuracy": float(hits)})
        if rank == 0:
            mlflow.log_metrics({"train_loss": loss, "train_accuracy": hits}, step=epoch)
            print(f"epoch {epoch:2}  loss {loss:.4f}  accuracy {hits:.4f}", flush=True)

    final = {name: np.asarray(array) for name, array in weights.items()}
    digest = hashlib.sha256(b"".join(a.tobytes() for a in final.values())).hexdigest()
    print(f"node {rank} of {nodes}: {share} digits of its own, weights {digest[:16]}", flush=True)

    if rank == 0:
        # Held-out digits, which no node has trained on. Then the model: code and numbers.
        with tracer.start_as_current_span("evaluate") as span:
            accuracy = float(loss_and_hits(final, x_test.astype("float32") / 16, y_test)[1])
            span.set_attribute("accuracy", accuracy)
        mlflow.log_metric("test_accuracy", accuracy)
        mlflow.set_tag("weights", digest)
        pathlib.Path("digits_model.py").write_text(model_code)
        np.savez("weights.npz", **final)
        with tracer.start_as_current_span("register the model"):
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model="digits_model.py",
                artifacts={"weights": "weights.npz"},
                signature=mlflow.models.infer_signature(x_test, y_test),
                input_example=x_test[:2],
                registered_model_name=model,
                pip_requirements=[f"{p.__name__}=={p.__version__}" for p in (np, pd)]
                + [f"mlflow-skinny=={mlflow.__version__}"],
            )
            # Its card, and the licence of the pictures: who serves it has to say both.
            registry, version = mlflow.MlflowClient(), logged.registered_model_version
            card = f"The digit on a picture of 8 x 8 pixels. Right on {accuracy:.4f} of"
            card += f" {len(y_test)} pictures that it was not trained on."
            registry.update_model_version(model, version, description=card)
            registry.set_model_version_tag(model, version, "licence", "CC-BY-4.0")
        mlflow.end_run()
        print(f"test accuracy {accuracy:.4f} on {len(y_test)} held-out digits, device {device}")
        print(f"run    {see}/#/experiments/{run.experiment_id}/runs/{run.run_id}")
        print(f"model  {see}/#/models/{model}", flush=True)


def submit(client: TrainerClient, args: argparse.Namespace) -> tuple[str, str]:
    """Create the TrainJob; return its name and trace, made here so that the run carries them."""
    name, trace = f"digits-{secrets.token_hex(3)}", secrets.token_hex(16)
    settings = {"batch": 64, "hidden": 64, "rate": 0.1, "momentum": 0.9}
    settings |= {"epochs": args.epochs, "seed": args.seed}
    arguments = {"model": args.model, "see": args.see, "settings": settings}
    arguments["model_code"] = MODEL_CODE.read_text()
    if args.features:
        told = CoreV1Api().read_namespaced_config_map("feast", args.namespace).data
        arguments["feast"] = yaml.safe_load(told["feature_store.yaml"])
    client.train(
        runtime=args.runtime,
        trainer=CustomTrainer(
            func=train_digits,
            func_args=arguments,
            num_nodes=args.nodes,
            env={
                "TRAINJOB": name,
                "OTEL_SERVICE_NAME": "train-digits",
                # W3C trace context: the pods' spans belong to the trace that is named here.
                "TRACEPARENT": f"00-{trace}-{secrets.token_hex(8)}-01",
                "MLFLOW_TRACKING_URI": args.mlflow,
                # Its links name the address inside the cluster; ours can be opened.
                "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
                "MLFLOW_LOGGING_LEVEL": "ERROR",
                # The model's folder is stored as it is, and compiled files are no source.
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        ),
        options=[Name(name), Labels({"kueue.x-k8s.io/queue-name": args.queue})],
    )
    return name, trace


def admission(name: str, namespace: str) -> str:
    """Return what Kueue says about the job's place in the queue ("" before it has looked)."""
    workloads = CustomObjectsApi().list_namespaced_custom_object(
        "kueue.x-k8s.io", "v1beta2", namespace, "workloads"
    )["items"]
    for workload in workloads:
        owners = workload["metadata"].get("ownerReferences", [])
        if any(o["kind"] == "TrainJob" and o["name"] == name for o in owners):
            conditions = workload.get("status", {}).get("conditions", [])
            said = {c["type"]: c for c in conditions}
            if said.get("Admitted", {}).get("status") == "True":
                return "admitted"
            waiting = said.get("QuotaReserved", {}).get("message", "")
            return f"waiting: {waiting}" if waiting else "waiting"
    return ""


def follow(client: TrainerClient, name: str, namespace: str, timeout: int) -> str:
    """Show the job's stages and node 0's lines until it ends; return "Complete" or "Failed".

    Raises TimeoutError after ``timeout`` seconds; the job goes on.
    """
    started, shown, told = time.monotonic(), "", set[str]()
    end = started + timeout
    while time.monotonic() < end:
        job = client.get_job(name)
        pods = {step.name: step for step in job.steps}
        seen = ", ".join(f"{n} {pods[n].status}" for n in sorted(pods))
        stage = seen or admission(name, namespace)
        if stage and stage != shown:
            print(f"{time.monotonic() - started:5.0f} s  {stage}", flush=True)
            shown = stage
        first = pods.get("node-0")
        if first and first.status != "Pending" and first.pod_name not in told:
            told.add(first.pod_name)  # a restarted job has new pods, whose lines are new too
            for line in client.get_job_logs(name, follow=True):
                print(f"         {line}", flush=True)
            end = max(end, time.monotonic() + SETTLE_SECONDS)
        elif job.status in ENDED:
            return str(job.status)
        else:
            time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{name} is not done after {timeout} s; last seen: {shown or 'nothing'}")


def own_namespace() -> str:
    """Return the namespace of the kubeconfig in force, else that of the laptop's own team."""
    try:
        _, active = list_kube_config_contexts()
    except ConfigException:  # said when the cluster is asked, with what mends it
        return "ml-default"
    return str(active["context"].get("namespace", "ml-default"))


def options() -> argparse.Namespace:
    """Read the command line; the defaults are those of the laptop platform."""
    parser = argparse.ArgumentParser(
        description="Train the digits on several nodes and register the model.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--namespace", default=own_namespace(), help="the team's namespace")
    parser.add_argument("--queue", default="default", help="the team's LocalQueue")
    parser.add_argument("--runtime", default="jax-distributed", help="ClusterTrainingRuntime")
    parser.add_argument("--nodes", type=int, default=2, help="pods that train together")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the data")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same weights")
    parser.add_argument("--model", default="digits", help="name in the model registry")
    parser.add_argument("--mlflow", default="http://mlflow.mlflow.svc:5000", help="as pods see it")
    here = os.environ.get("MLFLOW_TRACKING_URI", "http://localhost:5050")
    parser.add_argument("--see", default=here, help="MLflow as you see it")
    parser.add_argument("--features", action="store_true", help="read the digits from Feast")
    parser.add_argument("--timeout", type=int, default=900, help="seconds to wait for the end")
    return parser.parse_args()


def cause(error: BaseException) -> str:
    """Return the innermost reason: the SDK keeps what the cluster said in ``__cause__``."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ApiException):
        try:
            return str(json.loads(error.body)["message"])
        except (KeyError, TypeError, ValueError):
            return f"{error.status} {error.reason}"
    return str(error)


def main() -> int:
    """Submit, follow, and say how to look further; 0 when the job completed."""
    args = options()
    try:
        client = TrainerClient(KubernetesBackendConfig(namespace=args.namespace))
        name, trace = submit(client, args)
    except ConfigException as error:
        print(f"no cluster: {error}\n  fix  make up, or set KUBECONFIG", file=sys.stderr)
        return 2
    except (RuntimeError, TimeoutError) as error:
        print(f"not submitted: {error}\n  why  {cause(error)}", file=sys.stderr)
        return 1
    print(
        f"TrainJob {args.namespace}/{name} on {args.nodes} nodes, queue {args.queue}, trace {trace}"
    )
    look = f"kubectl -n {args.namespace} describe trainjob {name}"
    try:
        ended = follow(client, name, args.namespace, args.timeout)
    except TimeoutError as error:
        print(f"{error}\n  fix  look: {look}", file=sys.stderr)
        return 9
    except KeyboardInterrupt:
        print(f"{name} goes on without you\n  fix  stop it: {look.replace('describe', 'delete')}")
        return 8
    except (RuntimeError, ApiException, HTTPError) as error:
        print(f"lost sight of {name}: {error}\n  why  {cause(error)}", file=sys.stderr)
        return 1
    if ended == "Failed":
        print(f"{name} failed\n  fix  look: {look}", file=sys.stderr)
        return 1
    print(f"{name} is complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
