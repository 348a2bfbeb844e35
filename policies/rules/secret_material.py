"""Rules on credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.verdict import Verdict

PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----")
# The keys of a kubeconfig that hold a credential itself, in YAML or JSON, with something in them.
KUBECONFIG_CREDENTIAL = re.compile(
    r"""["']?(client-key-data|token|password)["']?:[ \t]*["']?[A-Za-z0-9+/=._~-]{8,}"""
)


def no_credential_in_config_map(resource: Resource, _: Ground) -> Verdict:
    """Fail for a private key or a kubeconfig with a credential in a ConfigMap."""
    failures, undecided = [], []
    for part in ("data", "binaryData"):
        entries = resource.props.get(part)
        if entries is UNKNOWN:
            undecided.append(f"{part} is not known yet")
        for key, value in entries.items() if isinstance(entries, Mapping) else ():
            if value is UNKNOWN:
                undecided.append(f"{part}['{key}'] is not known yet")
            elif found := _credential(value):
                failures.append(f"{part}['{key}'] holds {found}")
    return Verdict.of(failures, undecided)


def _credential(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if PRIVATE_KEY.search(value):
        return "a private key"
    # `kind: Config` alone is many a component's own format; clusters and users make a kubeconfig.
    if "clusters" in value and "users" in value and KUBECONFIG_CREDENTIAL.search(value):
        return "a kubeconfig with a credential"
    return None


RULES = (
    Rule(
        id="CNAI-SEC-001",
        title="No ConfigMap holds a private key or a kubeconfig with a credential",
        severity=Severity.CRITICAL,
        scope=Scope.CLUSTER,
        types=("kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:ConfigMapPatch"),
        frameworks=(
            Framework("CIS Kubernetes Benchmark", "1.10", "5.4 secrets management"),
            Framework("NSA/CISA Kubernetes Hardening Guidance", "1.2", "protecting secrets"),
        ),
        rationale="ConfigMaps are read by whoever may view a namespace, and stored in clear.",
        remedy="Put it into a Secret and mount that, or use a service account instead.",
        check=no_credential_in_config_map,
    ),
)
