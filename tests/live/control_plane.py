"""The API server of Kubernetes and its store as two processes: real answers, roles and patches."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.api_server import PASSING, ApiServer
from tests.waiting import wait_for
from tools import supply

OWNER = "owner-of-the-test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(log: Path, program: Path | str, *arguments: str, **env: str) -> Iterator[None]:
    """Run a program until the block ends; what it says is in a file."""
    with log.open("w") as said:
        process = subprocess.Popen(
            [program, *arguments],
            env={**os.environ, **env},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@dataclass(frozen=True)
class ControlPlane:
    """An API server that holds roles; ``certificate`` is what those who call it trust."""

    url: str
    certificate: Path
    kubeconfig: Path

    @property
    def server(self) -> ApiServer:
        return ApiServer(self.kubeconfig.read_text())

    def token(self, namespace: str, account: str) -> str:
        """Return a token of a ServiceAccount, as its pods have it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        told = json.loads(self.server.text(path, method="POST", body=asked))
        return str(told["status"]["token"])

    def as_account(self, namespace: str, account: str) -> str:
        """Return the text of the kubeconfig of a ServiceAccount."""
        return config(self.url, self.certificate, self.token(namespace, account))


def config(url: str, certificate: Path, token: str) -> str:
    from base64 import b64encode  # noqa: PLC0415

    authority = b64encode(certificate.read_bytes()).decode()
    made: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [
            {"name": "it", "cluster": {"server": url, "certificate-authority-data": authority}}
        ],
        "users": [{"name": "it", "user": {"token": token}}],
    }
    return json.dumps(made)


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Run etcd and the API server on ports of this machine that nobody has."""
    store, peers, port = free_port(), free_port(), free_port()
    key, tokens, kubeconfig = folder / "key.pem", folder / "tokens.csv", folder / "kubeconfig"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    tokens.write_text(f'{OWNER},owner,owner,"system:masters"\n')
    with ExitStack() as both:
        both.enter_context(
            running(
                *(folder / "etcd.log", supply.program("etcd"), f"--data-dir={folder}/etcd"),
                f"--listen-client-urls=http://127.0.0.1:{store}",
                f"--advertise-client-urls=http://127.0.0.1:{store}",
                f"--listen-peer-urls=http://127.0.0.1:{peers}",
            )
        )
        both.enter_context(
            running(
                *(folder / "api.log", supply.program("kube-apiserver")),
                f"--etcd-servers=http://127.0.0.1:{store}",
                *(f"--secure-port={port}", "--bind-address=127.0.0.1"),
                *(f"--cert-dir={folder}/certs", f"--token-auth-file={tokens}"),
                *("--authorization-mode=RBAC", "--service-account-issuer=https://local"),
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                "--service-cluster-ip-range=10.0.0.0/24",
            )
        )
        url, certificate = f"https://127.0.0.1:{port}", folder / "certs" / "apiserver.crt"

        def ready() -> bool:
            try:
                kubeconfig.write_text(config(url, certificate, OWNER))
                ApiServer(kubeconfig.read_text()).text("/readyz")
            except PASSING:
                return False
            return True

        wait_for("the API server is ready", ready, seconds=120)
        yield ControlPlane(url, certificate, kubeconfig)
