"""The few questions that are put to a Docker engine over its socket, without its client.

A question takes a millisecond this way, and it can be asked before a client is installed.
"""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

UNIX = "unix://"


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        """Keep the path; ``timeout`` is in seconds, for each send and receive."""
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket in place of a TCP port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(host: str, path: str, *, method: str = "GET", timeout: float = 10.0) -> Any:
    """Return the engine's JSON answer (text where it is none) to one request of its API.

    Raises ``OSError`` when nothing answers at ``host`` (``PermissionError`` when this user may not
    speak to it) or the answer is an error.
    """
    connection = _SocketConnection(host.removeprefix(UNIX), timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer at {host}: {error!r}") from error
    finally:
        connection.close()
    if response.status >= http.client.BAD_REQUEST:
        raise OSError(f"{method} {path}: {response.status} {body.strip()}")
    return json.loads(body) if "json" in response.headers.get("Content-Type", "") else body


def answers(host: str, *, timeout: float = 3.0) -> bool:
    """Tell whether an engine answers at a ``unix://`` address.

    Raises ``PermissionError`` when one is there and this user may not speak to it.
    """
    if not Path(host.removeprefix(UNIX)).exists():
        return False
    try:
        return str(ask(host, "/_ping", timeout=timeout)).startswith("OK")
    except PermissionError:
        raise
    except OSError:
        return False
