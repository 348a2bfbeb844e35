"""Pods of the conformance tests: small, under the restricted standard, of images that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.pods import container_security, pod_security, resources
from tools import supply

Manifest = dict[str, Any]
USER = 65532
HOLD = "trap 'exit 0' TERM; sleep 3600 & wait"
"""Shell command that ends well when it is told to."""
STUB = """\
import http.server, sys, urllib.parse
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/set":
            open("/tmp/value", "w").write(url.query)
        try:
            value = open("/tmp/value").read()
        except OSError:
            value = sys.argv[2]
        body = f"# TYPE {sys.argv[1]} gauge\\n{sys.argv[1]} {value}\\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", 8000), Answer).serve_forever()
"""
"""A server of one metric: its name and first value are arguments; `/set?VALUE` changes it."""
ECHO = """\
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", 8000), Answer).serve_forever()
"""
"""A server that answers with its own name."""


def shell(name: str, command: str, **more: Any) -> Manifest:
    """A container that runs a shell command."""
    return container(name, "curl", ["bash", "-c", command], **more)


def python(name: str, program: str, *args: str, **more: Any) -> Manifest:
    """A container that runs a Python program; one with ports is ready when it serves."""
    if "ports" in more:
        served = {"tcpSocket": {"port": more["ports"][0]["containerPort"]}, "periodSeconds": 1}
        more["readinessProbe"] = served
    made = container(name, "mlflow", ["python3", "-c", program, *args], **more)
    made["resources"] |= resources("10m", "128Mi")
    return made


def container(
    name: str, image: str, command: Sequence[str], *, env: Mapping[str, str] | None = None,
    claims: Sequence[str] = (), **more: Any,
) -> Manifest:  # fmt: skip
    """A container of one of the platform's own images, with the claims of its pod that it uses."""
    asked: dict[str, Any] = resources("10m", "64Mi")
    if claims:
        asked["claims"] = [{"name": claim} for claim in claims]
    return {
        "name": name,
        "image": supply.image_ref(image),
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
        "securityContext": container_security(),
        "resources": asked,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        **more,
    }


def spec(*containers: Manifest, claims: Mapping[str, str] | None = None, **more: Any) -> Manifest:
    """A pod's specification; ``claims`` maps names to templates of claims in its namespace."""
    claimed = [
        {"name": name, "resourceClaimTemplateName": template}
        for name, template in (claims or {}).items()
    ]
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": pod_security(USER),
        "containers": list(containers),
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        **({"resourceClaims": claimed} if claimed else {}),
        **more,
    }


def pod(
    name: str, namespace: str, made: Manifest, labels: Mapping[str, str] | None = None
) -> Manifest:
    """A pod."""
    metadata: Manifest = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": made}


def deployment(
    name: str, namespace: str, made: Manifest, labels: Mapping[str, str] | None = None
) -> Manifest:
    """A Deployment of one replica, found by its name."""
    own = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": own},
            "template": {
                "metadata": {"labels": {**own, **(labels or {})}},
                "spec": {**made, "restartPolicy": "Always"},
            },
        },
    }


def service(name: str, namespace: str, port: int = 8000) -> Manifest:
    """The Service of a Deployment."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"port": port, "targetPort": port}]},
    }


def job(
    name: str, namespace: str, made: Manifest, *, pods: int = 1,
    labels: Mapping[str, str] | None = None,
) -> Manifest:  # fmt: skip
    """A Job of so many pods, all of them at once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {
            "parallelism": pods,
            "completions": pods,
            "backoffLimit": 0,
            "template": {"spec": made},
        },
    }
