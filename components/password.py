"""A random password that is made once and kept, as a secret, in the state of the stack."""

from __future__ import annotations

import secrets
from typing import Any

from pulumi import Input, Output, ResourceOptions, dynamic

BYTES = 24
"""Entropy of a password in bytes; the text is a third longer."""


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(props["name"], {**props, "value": secrets.token_urlsafe(BYTES)})


class Password(dynamic.Resource, module="cnai", name="Password"):
    """``value`` is the password, always secret."""

    value: Output[str]

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        """Make the password of the given name."""
        props: dict[str, Input[Any]] = {"name": name, "value": None}
        secret = ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(_Provider(), name, props, ResourceOptions.merge(opts, secret))
