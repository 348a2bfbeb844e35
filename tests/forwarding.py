"""A way from the host to what is in a cluster, past the fences of teams: that of `kubectl`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import Platform


@contextmanager
def forwarded(platform: Platform, namespace: str, target: str, port: int) -> Iterator[str]:
    """Yield host and port at which a target, as in ``svc/digits``, is for who is not in it."""
    kubectl = str(platform.home / "bin" / "kubectl")
    words = [kubectl, f"--kubeconfig={platform.kubeconfig}", f"--namespace={namespace}"]
    command = [*words, "port-forward", target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout
            # As in: Forwarding from 127.0.0.1:43210 -> 5000
            first = run.stdout.readline()
            assert "127.0.0.1:" in first, first
            yield f"localhost:{first.split('127.0.0.1:')[1].split()[0]}"
        finally:
            run.terminate()
