"""The cluster's own authority, in the kinds of cert-manager: whoever serves them makes these."""

from __future__ import annotations

from typing import Any

from components.pods import job
from components.probes import Probe, completes, condition

Manifest = dict[str, Any]

API = "cert-manager.io/v1"
CLUSTER_ISSUER = "cnai"
"""The ClusterIssuer that every certificate of the platform may name."""
ROOT = "cnai-ca"
SELF_SIGNED = "cnai-self-signed"
PROOF = "proof"
KINDS = ("certificates", "certificaterequests", "issuers", "clusterissuers")

YEARS = "87600h"
"""Ten years: the key of the authority never leaves the cluster, and lives no longer than it."""


def authority(namespace: str) -> list[Manifest]:
    """Return the chain: an authority that signs itself, and the issuer that signs with its key.

    ``namespace`` is where the controllers look for the Secrets of ClusterIssuers: their own.
    """
    return [
        _issuer(SELF_SIGNED, {"selfSigned": {}}),
        certificate(
            ROOT,
            namespace,
            issuer=SELF_SIGNED,
            isCA=True,
            commonName="cnai",
            duration=YEARS,
            # A new key would make all that was signed by the old one unknown.
            privateKey={"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
        ),
        _issuer(CLUSTER_ISSUER, {"ca": {"secretName": ROOT}}),
    ]


def sample(namespace: str) -> Manifest:
    """Return a certificate for a server, as charts ask for it."""
    return certificate(
        PROOF, namespace, issuer=CLUSTER_ISSUER, dnsNames=[f"{PROOF}.{namespace}.svc"]
    )


def proven(addon: str, namespace: str, *, image: str, user: int) -> tuple[Probe, ...]:
    """Claim that the issuer signs, and that OpenSSL, in ``image``, believes what it has signed."""
    verify = f"""
printf %s "$AUTHORITY" > /tmp/ca.crt && printf %s "$CERTIFICATE" > /tmp/tls.crt
openssl verify -CAfile /tmp/ca.crt -purpose sslserver \
  -verify_hostname {PROOF}.{namespace}.svc /tmp/tls.crt
"""
    secret = {"AUTHORITY": "ca.crt", "CERTIFICATE": "tls.crt"}
    return (
        condition(API, "ClusterIssuer", CLUSTER_ISSUER, "Ready"),
        completes("a Certificate is issued", sample(namespace), type_="Ready"),
        completes(
            "its Secret holds a certificate that the authority has signed",
            job(
                addon,
                namespace,
                "certificate-proof",
                image=image,
                command=["sh", "-ec", verify],
                user=user,
                env=[
                    {"name": name, "valueFrom": {"secretKeyRef": {"name": PROOF, "key": key}}}
                    for name, key in secret.items()
                ],
            ),
        ),
    )


def certificate(
    name: str,
    namespace: str,
    *,
    secret: str | None = None,
    issuer: str = CLUSTER_ISSUER,
    **spec: Any,
) -> Manifest:
    """Return a Certificate whose key is kept in the Secret of its own name, if no other is said."""
    return {
        "apiVersion": API,
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "secretName": secret or name,
            "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer},
            **spec,
        },
    }


def service_names(service: str, namespace: str) -> list[str]:
    """Return the names that a Service is called by within the cluster."""
    short = [service, f"{service}.{namespace}", f"{service}.{namespace}.svc"]
    return [*short, f"{short[-1]}.cluster.local"]


def injected(name: str, namespace: str) -> dict[str, str]:
    """Return the annotation by which an object is given the authority of a Certificate."""
    return {"cert-manager.io/inject-ca-from": f"{namespace}/{name}"}


def _issuer(name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": API, "kind": "ClusterIssuer", "metadata": {"name": name}, "spec": spec}
