"""The API server and the object store, with nothing but the standard library."""

from __future__ import annotations

import datetime
import functools
import hashlib
import hmac
import json
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
REPORTS = "/apis/openreports.io/v1alpha1"
MANAGER = "trivy"
MISSING = 404


class Cluster:
    """What the pod's own account may read and write."""

    def __init__(self) -> None:
        """Find the API server the way that every pod does."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self._server = f"https://{host}:{port}"
        self._trust = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")

    def list(self, path: str) -> list[dict[str, Any]]:
        """Return all objects of a collection; a long one comes in pages."""
        found: list[dict[str, Any]] = []
        more = ""
        while True:
            page = self.call("GET", f"{path}?limit=500{more}")
            # A list leaves out of its items what it says of itself.
            kind, version = page["kind"].removesuffix("List"), page["apiVersion"]
            found += [{"apiVersion": version, "kind": kind, **item} for item in page["items"]]
            mark = page["metadata"].get("continue")
            if not mark:
                return found
            more = f"&continue={quote(mark)}"

    def apply(self, report: dict[str, Any]) -> None:
        """Put a report in the place of the one of its name."""
        force = f"?fieldManager={MANAGER}&force=true"
        self.call("PATCH", place(report) + force, report, "application/apply-patch+yaml")

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> dict[str, Any]:
        """Return the answer to one request; raises HTTPError unless it is a 2xx."""
        token = Path(ACCOUNT, "token").read_text()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self._trust, timeout=60) as answer:
            return dict(json.load(answer))


def place(report: dict[str, Any]) -> str:
    """Return the path of a report at the API server."""
    metadata = report["metadata"]
    if "namespace" in metadata:
        return f"{REPORTS}/namespaces/{metadata['namespace']}/reports/{metadata['name']}"
    return f"{REPORTS}/clusterreports/{metadata['name']}"


class Store:
    """The bucket that the environment names, by the S3 API with signatures of version 4."""

    def get(self, key: str) -> bytes | None:
        """Return an object, or nothing where there is none."""
        try:
            return self._call("GET", key)
        except urllib.error.HTTPError as error:
            if error.code == MISSING:
                return None
            raise

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self._call("PUT", key, body)

    def _call(self, method: str, key: str, body: bytes = b"") -> bytes:
        url = f"{os.environ['AWS_ENDPOINT_URL']}/{os.environ['BUCKET']}/{key}"
        request = urllib.request.Request(url, body or None, method=method)
        now = datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017
        for name, value in signed(method, request.host, request.selector, body, now).items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


def signed(
    method: str, host: str, path: str, body: bytes, now: datetime.datetime
) -> dict[str, str]:
    """Return the headers of a signed request to an S3 API."""
    day, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    content = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": content, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = [method, path, "", *(f"{k}:{v}" for k, v in headers.items()), "", names, content]
    scope = (day, os.environ["AWS_REGION"], "s3", "aws4_request")
    asked = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), asked])
    key = functools.reduce(_mac, scope, f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode())
    who = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/{'/'.join(scope)}"
    mark = _mac(key, text).hex()
    return {
        **headers,
        "Authorization": f"AWS4-HMAC-SHA256 {who},SignedHeaders={names},Signature={mark}",
    }


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
