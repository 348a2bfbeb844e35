"""Rules on the control plane of an EKS cluster, and what the rules on AWS share.

Each check says what AWS does where a property is absent; the source is the API reference of Amazon
EKS (docs.aws.amazon.com/eks/latest/APIReference) where no other is named.
"""

from __future__ import annotations

from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.values import doubtful, entries, held, read, together, told
from policies.verdict import PASS, Verdict

CLUSTER = "aws:eks/cluster:Cluster"
ADDON = "aws:eks/addon:Addon"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
KEY = "aws:kms/key:Key"
LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def cis(*references: str) -> tuple[Framework, ...]:
    """Return the places of the benchmark that a rule serves."""
    name = "CIS Amazon EKS Benchmark"
    return tuple(Framework(name, "1.8", reference) for reference in references)


def nsa(*references: str) -> tuple[Framework, ...]:
    """Return the chapters of the hardening guidance that a rule serves."""
    name = "NSA/CISA Kubernetes Hardening Guidance"
    return tuple(Framework(name, "1.2", reference) for reference in references)


def finops(*references: str) -> tuple[Framework, ...]:
    """Return the capabilities of FinOps that a rule serves."""
    return tuple(Framework("FinOps Framework", "2026", reference) for reference in references)


def yes(value: Any) -> bool:
    """Say whether a switch is on; some of EC2's, and all of StorageClasses, are texts."""
    return value is True or value == "true"


def mine(cluster: Resource, clusters: int, named: Any) -> bool | None:
    """Say whether what names a cluster belongs to this one; None where it cannot be told.

    ``clusters`` is how many there are: what names one not known yet belongs to the only one.
    """
    name = cluster.props.get("name")
    if told(name) and told(named):
        return bool(name == named)
    return True if clusters == 1 else None


def control_plane_logs(resource: Resource, _: Ground) -> Verdict:
    """Fail for a log of the control plane that is not kept; absent, none is (`Logging`)."""
    kept = resource.props.get("enabledClusterLogTypes")
    said = entries(kept)
    missing = [kind for kind in LOGS if kind not in said]
    failure = f"enabledClusterLogTypes lacks {', '.join(missing)}"
    # One that is not known yet may be one of those missing, and not all of several.
    value = UNKNOWN if kept is UNKNOWN or 0 < len(missing) <= said.count(UNKNOWN) else said
    return held(value, not missing, "enabledClusterLogTypes", failure)


def secrets_have_own_key(resource: Resource, _: Ground) -> Verdict:
    """Fail unless Secrets are encrypted with a key of ours.

    Absent, EKS encrypts with a key that AWS owns, which cannot be withdrawn or audited (user guide,
    "Default envelope encryption for all Kubernetes API data").
    """
    config = resource.props.get("encryptionConfig")
    what, key = entries(read(config, "resources")), read(config, "provider", "keyArn")
    value = UNKNOWN if UNKNOWN in what and "secrets" not in what else what
    place = "encryptionConfig.resources"
    keyed = "encryptionConfig.provider.keyArn"
    return together(
        [
            held(value, "secrets" in what, place, f"{place} does not name secrets"),
            held(key, told(key), keyed, f"{keyed} names no key"),
        ]
    )


def key_rotates(resource: Resource, _: Ground) -> Verdict:
    """Fail for a key that KMS could rotate and does not; absent, it does not.

    It can for symmetric keys of encryption alone whose material it made and holds (KMS API
    reference, `EnableKeyRotation`).
    """
    props = resource.props
    other = {
        "customerMasterKeySpec": ("SYMMETRIC_DEFAULT",),
        "keyUsage": ("ENCRYPT_DECRYPT",),
        "customKeyStoreId": (),
    }
    if any(told(props.get(key)) and props.get(key) not in usual for key, usual in other.items()):
        return PASS
    rotates = props.get("enableKeyRotation")
    verdict = held(rotates, rotates is True, "enableKeyRotation", "enableKeyRotation is not true")
    unknown = next((key for key in other if props.get(key) is UNKNOWN), None)
    return doubtful(verdict, unknown) if unknown else verdict


def access_by_entries(resource: Resource, _: Ground) -> Verdict:
    """Fail unless access entries alone say who may do what.

    Absent, it is the ConfigMap aws-auth that says so, and who created the cluster is its
    administrator for ever, seen nowhere in the program (`CreateAccessConfigRequest`).
    """
    config = resource.props.get("accessConfig")
    mode = read(config, "authenticationMode")
    creator = read(config, "bootstrapClusterCreatorAdminPermissions")
    place = "accessConfig.authenticationMode"
    admin = "accessConfig.bootstrapClusterCreatorAdminPermissions"
    return together(
        [
            held(mode, mode == "API", place, f"{place} is not API"),
            held(creator, creator is False, admin, f"{admin} is not false"),
        ]
    )


def version_is_supported(resource: Resource, _: Ground) -> Verdict:
    """Fail for a cluster that may fall behind; absent, it does (`UpgradePolicyRequest`: EXTENDED).

    It then keeps its version past the standard support, at a multiple of the price.
    """
    place = "upgradePolicy.supportType"
    support = read(resource.props, "upgradePolicy", "supportType")
    return held(support, support == "STANDARD", place, f"{place} is not STANDARD")


RULES = (
    Rule(
        id="CNAI-EKS-001",
        title="An EKS cluster keeps every log of its control plane",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=(
            *cis("2.1.1 audit logs", "2.1.2 audit logs are collected"),
            *nsa("audit logging and threat detection"),
        ),
        rationale="What nobody recorded can be neither noticed nor reconstructed.",
        remedy=f"Set enabledClusterLogTypes to {', '.join(LOGS)}.",
        check=control_plane_logs,
    ),
    Rule(
        id="CNAI-EKS-002",
        title="Secrets of an EKS cluster are encrypted with a key of ours",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.3.1 Secrets encrypted using keys managed in KMS"),
        rationale="Only a key of ours shows who read what, and can be taken away again.",
        remedy="Set encryptionConfig.resources to secrets and provider.keyArn to a key in KMS.",
        check=secrets_have_own_key,
    ),
    Rule(
        id="CNAI-EKS-003",
        title="Keys in KMS rotate",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(KEY,),
        frameworks=cis("5.3.1 Secrets encrypted using keys managed in KMS"),
        rationale="A key that never changes opens all that was ever encrypted, once it is lost.",
        remedy="Set enableKeyRotation to true.",
        check=key_rotates,
    ),
    Rule(
        id="CNAI-EKS-006",
        title="Access entries alone say who may enter an EKS cluster",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("4.1.7 cluster access manager API", "5.5.1 users managed with IAM"),
        rationale="One list in the cloud's own audit; a ConfigMap is anyone's who can write it.",
        remedy=(
            "Set accessConfig.authenticationMode to API and bootstrapClusterCreatorAdminPermissions"
            " to false, and give access by AccessEntry resources."
        ),
        check=access_by_entries,
    ),
    Rule(
        id="CNAI-EKS-007",
        title="An EKS cluster stays within standard support",
        severity=Severity.LOW,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=nsa("upgrading and application security practices"),
        rationale="Fixes come to current versions first, and old ones cost several times as much.",
        remedy="Set upgradePolicy.supportType to STANDARD.",
        check=version_is_supported,
        mandatory=False,
    ),
)
