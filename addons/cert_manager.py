"""cert-manager: certificates from the cluster's own authority, from ACME or from an outside one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.addon import Addon, Context
from components.certificates import KINDS, authority, proven, sample
from components.pods import resources
from components.probes import Probe, accepted, available, established
from components.scrapes import Scrape

NAME = "cert-manager"
USER = 65532
PARTS = ("cert-manager", "cert-manager-cainjector", "cert-manager-webhook")


def values(ctx: Context) -> dict[str, Any]:
    """Return Helm values: one replica of each part on a laptop, leases where the parts are."""
    repository, tag = ctx.image(NAME).rsplit(":", 1)
    small = {"replicaCount": ctx.facts.replicas, "resources": resources("10m", "32Mi", "256Mi")}
    return {
        "fullnameOverride": NAME,
        # The default, kube-system, is closed to others in managed clusters.
        "global": {"leaderElection": {"namespace": NAME}},
        "crds": {"enabled": False},
        "image": {"repository": repository, "tag": tag},
        **small,
        "webhook": small,
        "cainjector": small,
        # A hook, which would not run; what it asks is asked by the probes.
        "startupapicheck": {"enabled": False},
    }


def crds(ctx: Context) -> Sequence[Path]:
    """Return all kinds, those of ACME as well."""
    return sorted((ctx.module(NAME) / "deploy" / "crds").glob("*.yaml"))


def ready(_: Context) -> tuple[Probe, ...]:
    """Claim that the kinds are served, that the parts run and that the webhook answers."""
    return (
        *(established(f"{kind}.cert-manager.io") for kind in KINDS),
        *(available("Deployment", NAME, part) for part in PARTS),
        accepted("the webhook of cert-manager answers", sample(NAME)),
    )


ADDON = Addon(
    name=NAME,
    title="Certificates from the cluster's own authority, ACME or an outside one",
    namespace=NAME,
    provides=("certificates",),
    images=(NAME, "curl"),
    chart=NAME,
    crds=crds,
    values=values,
    ready=ready,
    resources=lambda _: authority(NAME),
    proof=lambda ctx: proven(NAME, NAME, image=ctx.image("curl"), user=USER),
    scrapes=(
        Scrape(
            name=NAME,
            namespace=NAME,
            labels={"app.kubernetes.io/component": "controller"},
            port=9402,
        ),
    ),
)
