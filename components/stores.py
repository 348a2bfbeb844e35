"""One face of databases and buckets, wherever they are; and the Secrets that hold them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Database:
    """A PostgreSQL database of one addon. ``password`` may be an output of Pulumi."""

    name: str
    user: str
    password: Any
    host: str
    port: int = 5432

    def secret(self, namespace: str) -> dict[str, Any]:
        """Return the Secret ``database`` that the addon's pods read (libpq's variable names)."""
        return _secret(
            namespace,
            "database",
            {
                "PGHOST": self.host,
                "PGPORT": str(self.port),
                "PGDATABASE": self.name,
                "PGUSER": self.user,
                "PGPASSWORD": self.password,
            },
        )


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket of one addon behind the S3 API.

    ``reader_keys`` are those of an account that may list and read it and nothing else, where the
    store has one.
    """

    name: str
    endpoint: str
    region: str
    access_key: Any
    secret_key: Any
    reader_keys: tuple[Any, Any] | None = None

    @property
    def reader(self) -> Bucket:
        """Return the same bucket with the keys of its reader; its own where there is none."""
        if self.reader_keys is None:
            return self
        access_key, secret_key = self.reader_keys
        return replace(self, access_key=access_key, secret_key=secret_key)

    def secret(self, namespace: str) -> dict[str, Any]:
        """Return the Secret ``bucket`` that the addon's pods read (variable names of AWS SDKs)."""
        return _secret(
            namespace,
            "bucket",
            {
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
                "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "BUCKET": self.name,
            },
        )


def _secret(namespace: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": data,
    }
