"""Serving of MLflow models: the runtime that answers for them, and the teams' way to the models."""

from __future__ import annotations

from addons import script
from components.addon import Addon, Context, Manifest
from components.labels import managed
from components.pods import container_security, job, resources
from components.probes import Probe, accepted, completes
from components.scrapes import TEAMS, Scrape
from components.team import Share, Team
from components.workloads import mounts, variables

NAME = "mlflow-serving"
API = "serving.kserve.io/v1alpha1"
BUCKET = "mlflow"
MODELS = "models"
"""ServiceAccount, and Secret, by which pods of InferenceServices read the bucket of models."""
SERVER = "mlserver"
PROOF = "serving-proof"
USER = 65532
HTTP, METRICS = 8080, 8082
RESTRICTED = {
    **container_security(),
    "runAsNonRoot": True,
    "runAsUser": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def environment(ctx: Context) -> dict[str, str]:
    """Return the variables of the server; KServe fills in the name and namespace of the service."""
    names = {
        "HOME": "/tmp",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLSERVER_MODEL_NAME": "{{.Name}}",
        "MLSERVER_MODEL_URI": "/mnt/models",
        "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_mlflow.MLflowRuntime",
        "MLSERVER_HTTP_PORT": str(HTTP),
        "MLSERVER_METRICS_PORT": str(METRICS),
        # A second process would double the memory; replicas are the way to more.
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_DEBUG": "false",
    }
    collector = ctx.addresses.get("otlp")
    if not collector:
        return {**names, "OTEL_SDK_DISABLED": "true"}
    return {
        **names,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",  # Prometheus has them
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "{{.Name}}",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.namespace.name={{.Namespace}}",
        "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "metrics,health,ready$",
    }


def runtime(ctx: Context) -> Manifest:
    """Return the runtime of the model format ``mlflow``, in the open inference protocol."""
    ready = {"httpGet": {"path": "/v2/models/{{.Name}}/ready", "port": HTTP}}
    live = {"httpGet": {"path": "/v2/health/live", "port": HTTP}}
    container = {
        "name": "kserve-container",
        "image": ctx.image(NAME),
        "imagePullPolicy": "IfNotPresent",
        "command": ["opentelemetry-instrument", SERVER, "start", "/mnt/models"],
        "workingDir": "/tmp",
        "env": variables(environment(ctx)),
        "ports": [
            {"name": "http1", "containerPort": HTTP, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS, "protocol": "TCP"},
        ],
        # Imports alone are six seconds of a core.
        "startupProbe": {**ready, "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {**ready, "periodSeconds": 5, "timeoutSeconds": 5},
        "livenessProbe": {**live, "periodSeconds": 20, "timeoutSeconds": 10},
        "resources": resources("50m", "256Mi", "1Gi"),
        "securityContext": RESTRICTED,
        "volumeMounts": mounts(),
    }
    return {
        "apiVersion": API,
        "kind": "ClusterServingRuntime",
        "metadata": {"name": NAME, "labels": managed(NAME)},
        "spec": {
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(METRICS),
                "prometheus.io/path": "/metrics",
            },
            "labels": {"cnai.dev/server": SERVER},
            "supportedModelFormats": [
                {"name": "mlflow", "version": version, "autoSelect": True, "priority": 1}
                for version in ("1", "2", "3")
            ],
            "protocolVersions": ["v2"],
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def registry(ctx: Context) -> Manifest:
    """Return who fetches ``models:/`` addresses: through MLflow, with no key."""
    return {
        "apiVersion": API,
        "kind": "ClusterStorageContainer",
        "metadata": {"name": "mlflow-registry", "labels": managed(NAME)},
        "spec": {
            "container": {
                "name": "storage-initializer",
                "image": ctx.image(NAME),
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-c", script(NAME, "fetch.py")],
                "env": variables(
                    {
                        "HOME": "/mnt/models",
                        "GIT_PYTHON_REFRESH": "quiet",
                        "MLFLOW_DISABLE_TELEMETRY": "true",
                        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
                        "MLFLOW_TRACKING_URI": ctx.addresses.get("mlflow", ""),
                    }
                ),
                # The login of the team whose InferenceService it is.
                "envFrom": [{"secretRef": {"name": "mlflow", "optional": True}}],
                "resources": resources("20m", "128Mi", "512Mi"),
                "securityContext": RESTRICTED,
            },
            "supportedUriFormats": [{"prefix": "models:/"}],
            "supportsMultiModelDownload": True,
        },
    }


def access(ctx: Context, namespace: str) -> list[Manifest]:
    """Return the account of InferenceServices in a namespace; its key reads models and no more."""
    bucket = ctx.bucket(BUCKET).reader
    metadata = {"name": MODELS, "namespace": namespace, "labels": managed(NAME)}
    keys = bucket.secret(namespace)
    keys["metadata"] = {
        **metadata,
        "annotations": {
            "serving.kserve.io/s3-endpoint": bucket.endpoint,
            "serving.kserve.io/s3-region": bucket.region,
            "serving.kserve.io/s3-usevirtualbucket": "false",
        },
    }
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        "automountServiceAccountToken": False,
        "secrets": [{"name": MODELS}],
    }
    return [keys, account]


def rights() -> list[Manifest]:
    """Return the account of the proof, which makes an InferenceService in its own namespace."""
    metadata = {"name": PROOF, "namespace": NAME, "labels": managed(NAME)}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": PROOF}
    rule = {
        "apiGroups": ["serving.kserve.io"],
        "resources": ["inferenceservices"],
        "verbs": ["create", "get", "delete"],
    }
    api = "rbac.authorization.k8s.io/v1"
    subject = {"kind": "ServiceAccount", "name": PROOF, "namespace": NAME}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": [subject],
        },
    ]


def workloads(ctx: Context) -> list[Manifest]:
    """Return the proof's ways to the bucket and to MLflow, and its rights."""
    metadata = {"name": "mlflow", "namespace": NAME, "labels": managed(NAME)}
    login = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "stringData": {
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": ctx.secret("mlflow-admin"),
        },
    }
    return [*access(ctx, NAME), login, *rights()]


def per_team(ctx: Context, team: Team) -> Share:
    """Give a team the account of its InferenceServices, with a key that reads models."""
    # The key reads the models of all teams: who is not of the platform goes through MLflow.
    return Share() if team.tenant else Share(workloads=access(ctx, team.namespace))


def ready(ctx: Context) -> tuple[Probe, ...]:
    """Claim that KServe would take the runtime."""
    return (accepted("KServe accepts the runtime", runtime(ctx)),)


def proof(ctx: Context) -> tuple[Probe, ...]:
    """Claim that a model from the bucket answers over HTTP, with the right number."""
    environment = {
        "HOME": "/tmp",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": ctx.addresses.get("mlflow", ""),
    }
    uid = "metadata.labels['batch.kubernetes.io/controller-uid']"
    asks = job(
        NAME,
        NAME,
        "serving-proof",
        image=ctx.image(NAME),
        command=["python3", "-c", script(NAME, "proof.py"), BUCKET, MODELS],
        user=USER,
        env=[
            *variables({**environment, "JOB": "serving-proof"}),
            {"name": "JOB_UID", "valueFrom": {"fieldRef": {"fieldPath": uid}}},
        ],
        env_from=[{"secretRef": {"name": "mlflow"}}],
        cpu="50m",
        memory="256Mi",
    )
    asks["spec"]["template"]["spec"] |= {
        "serviceAccountName": PROOF,
        "automountServiceAccountToken": True,
    }
    return (completes("a model from the bucket answers over HTTP", asks, timeout=600),)


ADDON = Addon(
    name=NAME,
    title="InferenceServices for registered MLflow models, by MLServer",
    namespace=NAME,
    requires=("kserve", "mlflow"),
    images=(NAME,),
    workloads=workloads,
    ready=ready,
    resources=lambda ctx: [runtime(ctx), registry(ctx)],
    proof=proof,
    per_team=per_team,
    scrapes=(Scrape(name=NAME, namespace=TEAMS, labels={"cnai.dev/server": SERVER}, port=METRICS),),
)
