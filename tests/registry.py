"""A registry of the tests' own, and what is in it: images and models, signed or not."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import requests

from tools import supply
from tools.supply import Mode

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OFFLINE = ("--yes", "--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry")
"""What keeps cosign from asking anybody: a key says by itself who signed."""


def push(door: str, name: str, content: str) -> str:
    """Push an image with one file to a registry at ``door`` (host:port); return its digest."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        entry = tarfile.TarInfo("models/model")
        entry.size = len(content.encode())
        tar.addfile(entry, io.BytesIO(content.encode()))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer.getvalue())]},
    }
    blobs = [
        ("application/vnd.oci.image.config.v1+json", json.dumps(config).encode()),
        ("application/vnd.oci.image.layer.v1.tar", layer.getvalue()),
    ]
    for _, blob in blobs:
        _sent("POST", f"http://{door}/v2/{name}/blobs/uploads/?digest={digest(blob)}", blob)
    described = [
        {"mediaType": kind, "digest": digest(blob), "size": len(blob)} for kind, blob in blobs
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described[0],
        "layers": described[1:],
    }
    body = json.dumps(manifest).encode()
    _sent("PUT", f"http://{door}/v2/{name}/manifests/1.0.0", body, MANIFEST)
    return digest(body)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _sent(method: str, url: str, body: bytes, kind: str = "application/octet-stream") -> None:
    answer = requests.request(method, url, data=body, headers={"Content-Type": kind}, timeout=30)
    answer.raise_for_status()


@dataclass(frozen=True)
class Signer:
    """Somebody with a pair of keys, made by cosign in a folder of their own."""

    folder: Path

    @classmethod
    def new(cls, folder: Path) -> Signer:
        folder.mkdir()
        made = cls(folder)
        made.cosign("generate-key-pair")
        return made

    @property
    def key(self) -> str:
        return (self.folder / "cosign.pub").read_text()

    def sign(self, image: str, *words: str) -> None:
        self.cosign("sign", "--key=cosign.key", *OFFLINE, *words, image)

    def verify(self, image: str, *words: str) -> str:
        """What cosign says of an image; empty when nobody with this key signed it."""
        words = ("--key=cosign.pub", "--private-infrastructure", "--allow-http-registry", *words)
        done = self._run("verify", *words, image)
        return done.stdout if done.returncode == 0 else ""

    def cosign(self, *words: str) -> str:
        done = self._run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [supply.program("cosign", Mode.AUTO), *words],
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), "COSIGN_PASSWORD": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
