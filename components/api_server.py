"""The API server of a cluster, for those who look: JSON over HTTP, and nothing imported for it.

The client library of Kubernetes takes longer to import than a whole look at a platform takes.
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
import yaml

LIMIT = 30.0
"""Seconds within which a request is answered, unless the caller says otherwise."""
CONNECTIONS = 8
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
# PyYAML's own parser takes a quarter of a second for the certificates alone.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RefusedError(Exception):
    """What the API server answers instead of the thing asked for; ``status`` is that of HTTP."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Keep what was answered."""
        super().__init__(f"{reason}: {message}" if message else reason)
        self.status, self.reason = status, reason


PASSING = (RefusedError, urllib3.exceptions.HTTPError, OSError)
"""What a cluster that starts or stops answers with: worth another look, never an end."""


class ApiServer:
    """One API server, reached by the text of a kubeconfig and never by an ambient context."""

    def __init__(self, kubeconfig: str, *, limit: float = LIMIT) -> None:
        """Read how to reach it; nothing is asked yet."""
        config = yaml.load(kubeconfig, Loader=_Loader)
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self.url, self._limit = str(cluster["server"]).rstrip("/"), limit
        self._headers, tls = _credentials(kubeconfig, cluster, user)
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            block=False,
            retries=False,
            timeout=urllib3.Timeout(total=limit),
            ssl_context=tls,
            server_hostname=cluster.get("tls-server-name"),
        )
        self._plurals: dict[tuple[str, str], tuple[str, bool]] = {}

    def text(self, path: str, *, method: str = "GET", body: Any = None, accept: str = "") -> str:
        """Return what is answered. Raises one of PASSING unless that is a success."""
        headers = {"Accept": accept or "application/json", **self._headers}
        if body is not None:
            patch = "merge-patch+" if method == "PATCH" else ""
            headers["Content-Type"] = f"application/{patch}json"
        data = None if body is None else json.dumps(body)
        try:
            answer = self._pool.request(method, self.url + path, headers=headers, body=data)
        except urllib3.exceptions.NewConnectionError as error:
            raise ConnectionError(f"{error}".rsplit(": ", 1)[-1]) from None
        except urllib3.exceptions.TimeoutError:
            raise TimeoutError(f"no answer within {self._limit:.0f} s") from None
        said = answer.data.decode(errors="replace")
        if answer.status >= 300:  # noqa: PLR2004
            raise _refused(answer.status, answer.reason or "", said)
        return said

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object at a path."""
        return dict(json.loads(self.text(path)))

    def find(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> dict[str, Any]:
        """Return one object. Raises RefusedError, with status 404 when its kind is not served."""
        return self.get(f"{self._place(api_version, kind, namespace)}/{quote(name)}")

    def every(self, api_version: str, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind in the whole cluster; none of a kind that is not served."""
        if not self.serves(api_version, kind):
            return []
        return list(self.get(self._place(api_version, kind, None)).get("items") or [])

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object; with ``dry_run`` all webhooks are asked and nothing is kept."""
        place = self._of(manifest)
        query = f"?{urlencode({'dryRun': 'All'})}" if dry_run else ""
        return dict(json.loads(self.text(f"{place}{query}", method="POST", body=manifest)))

    def delete(self, manifest: Mapping[str, Any]) -> None:
        """Begin to delete an object, with what belongs to it, in the background."""
        place = f"{self._of(manifest)}/{quote(manifest['metadata']['name'])}"
        self.text(place, method="DELETE", body={"propagationPolicy": "Background"})

    def patch(self, path: str, change: Mapping[str, Any]) -> None:
        """Change what is at a path as a merge patch does: null takes a field away."""
        self.text(path, method="PATCH", body=change)

    def serves(self, api_version: str, kind: str) -> bool:
        """Say whether a kind is served."""
        if not self._plurals:
            self._discover()
        return (api_version, kind) in self._plurals

    def version_of(self, group: str, kind: str) -> str | None:
        """Return the version of a group that a kind is served in, the preferred one first."""
        if not self._plurals:
            self._discover()
        known = (version for version, served in self._plurals if served == kind)
        return next((v for v in known if v.startswith(f"{group}/")), None)

    def _of(self, manifest: Mapping[str, Any]) -> str:
        namespace = manifest["metadata"].get("namespace")
        return self._place(manifest["apiVersion"], manifest["kind"], namespace)

    def _place(self, api_version: str, kind: str, namespace: str | None) -> str:
        if (api_version, kind) not in self._plurals:
            self._discover()
        if (api_version, kind) not in self._plurals:
            raise RefusedError(404, "NotServed", f"{kind} of {api_version} is not served")
        plural, namespaced = self._plurals[api_version, kind]
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        within = f"/namespaces/{quote(namespace)}" if namespace and namespaced else ""
        return f"{root}{within}/{plural}"

    def _discover(self) -> None:
        """Learn in two requests how every kind is called in a path."""
        for root in ("/api", "/apis"):
            found = json.loads(self.text(root, accept=_DISCOVERY))
            self._plurals |= plurals(found)


def plurals(discovered: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, bool]]:
    """Map version and kind to the word in paths and whether it lies in a namespace. Pure."""
    found: dict[tuple[str, str], tuple[str, bool]] = {}
    for group in discovered.get("items") or []:
        name = (group.get("metadata") or {}).get("name")
        for version in group.get("versions") or []:
            api_version = f"{name}/{version['version']}" if name else version["version"]
            for resource in version.get("resources") or []:
                if kind := (resource.get("responseKind") or {}).get("kind"):
                    is_namespaced = resource.get("scope") == "Namespaced"
                    # Another kind's subresource may answer with this kind; the first is its own.
                    found.setdefault((api_version, kind), (resource["resource"], is_namespaced))
    return found


def _named(listed: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in listed if entry["name"] == name)


def _credentials(
    kubeconfig: str, cluster: Mapping[str, Any], user: Mapping[str, Any]
) -> tuple[dict[str, str], ssl.SSLContext]:
    authority = cluster.get("certificate-authority-data")
    tls = ssl.create_default_context(cadata=_decoded(authority) if authority else None)
    if "client-certificate-data" in user:
        # Python reads a client's certificate from a file only.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(_decoded(user["client-certificate-data"]))
            file.write(_decoded(user["client-key-data"]))
            file.flush()
            tls.load_cert_chain(file.name)
        return {}, tls
    if "token" in user:
        return {"Authorization": f"Bearer {user['token']}"}, tls
    return _by_library(kubeconfig), tls


def _by_library(kubeconfig: str) -> dict[str, str]:
    """Leave commands that print a token, as clouds have them, to the client library."""
    from kubernetes import config  # noqa: PLC0415  imports take a second

    settings = config.new_client_from_config_dict(yaml.safe_load(kubeconfig)).configuration
    token = settings.get_api_key_with_prefix("authorization")
    return {"Authorization": token} if token else {}


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()


def _refused(status: int, reason: str, said: str) -> RefusedError:
    with suppress(ValueError, AttributeError):
        told = json.loads(said)
        return RefusedError(status, told.get("reason") or reason, str(told.get("message") or ""))
    return RefusedError(status, reason, said[:300])
