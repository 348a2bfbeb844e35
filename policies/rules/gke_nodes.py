"""Rules on the nodes of a GKE cluster, in a NodePool or inline in the Cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.gke import CLUSTER, POOL, Nodes, cis, nodes, of_each, unless_autopilot
from policies.values import held, read, together, told
from policies.verdict import PASS, Verdict

# Machines that come with GPUs or TPUs, whether the pool names these or not.
ACCELERATED = re.compile(r"(a[2-9]x?|g[2-9]|ct\d\w*|tpu\d\w*)-")
PROJECT_DEFAULT = re.compile(r"default|\d+-compute@developer\.gserviceaccount\.com")
KEEPS_AWAY = ("NO_SCHEDULE", "NO_EXECUTE")
LIMITED = ("cpu", "memory")


def metadata_is_of_pods(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes that show pods the metadata of the machine.

    Absent, new nodes get GKE_METADATA in a cluster with Workload Identity, which CNAI-GKE-010 asks
    for (GKE: "Use Workload Identity"); Autopilot has it built in.
    """

    def judge(n: Nodes) -> Verdict:
        mode = read(n.config, "workloadMetadataConfig", "mode")
        place = f"{n.place}.workloadMetadataConfig.mode"
        return held(mode, mode != "GCE_METADATA", place, f"{place} shows the machine's identity")

    return of_each(resource, judge)


def nodes_have_own_account(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes that run as the default service account of the project.

    Absent, they do (provider: "default"); Autopilot takes the account from the defaults for nodes
    that it makes, and is no different.
    """
    return together(
        held(
            account,
            told(account) and not PROJECT_DEFAULT.fullmatch(account),
            f"{n.place}.serviceAccount",
            f"{n.place}.serviceAccount is the default one of the project",
        )
        for n in nodes(resource)
        for account in [read(n.config, "serviceAccount")]
    )


def looks_after_itself(resource: Resource, _: Ground) -> Verdict:
    """Fail where repair or upgrades are turned off. Absent, both are on (provider)."""

    def judge(n: Nodes) -> Verdict:
        return together(
            held(value, value is not False, place, f"{place} is turned off")
            for key in ("autoRepair", "autoUpgrade")
            for value in [read(n.pool, "management", key)]
            for place in [f"{n.around}management.{key}"]
        )

    return of_each(resource, judge)


def boots_are_measured(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes that are not shielded, or not compared with how they booted before.

    Absent, both are on (provider), and Autopilot has them built in.
    """
    shielded = resource.props.get("enableShieldedNodes")
    place = "enableShieldedNodes"
    whole = held(shielded, shielded is not False, place, f"{place} is turned off")

    def judge(n: Nodes) -> Verdict:
        key = ("shieldedInstanceConfig", "enableIntegrityMonitoring")
        value, place = read(n.config, *key), ".".join((n.place, *key))
        return held(value, value is not False, place, f"{place} is turned off")

    return unless_autopilot(resource, together([whole, of_each(resource, judge)]))


def boots_only_signed_code(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes without Secure Boot, except where it would keep the GPU driver out.

    Absent, it is off (provider); Autopilot has it built in. The drivers that GKE installs are
    signed. One that somebody else brings need not be, and is then not loaded
    (NVIDIA/gpu-operator#1726): so a pool with ``guestAccelerators`` passes without Secure Boot if
    it says INSTALLATION_DISABLED. Other unsigned modules need a waiver.
    """

    def judge(n: Nodes) -> Verdict:
        on = read(n.config, "shieldedInstanceConfig", "enableSecureBoot")
        foreign = _foreign_driver(n.config)
        if on is True or foreign is True:
            return PASS
        place = f"{n.place}.shieldedInstanceConfig.enableSecureBoot"
        value = UNKNOWN if foreign is UNKNOWN else on
        return held(value, False, place, f"{place} is not turned on")

    return of_each(resource, judge)


def _foreign_driver(config: Any) -> Any:
    """Say whether a GPU's driver is installed by somebody else than GKE, or UNKNOWN."""
    listed = read(config, "guestAccelerators")
    found = [
        read(card, "gpuDriverInstallationConfig", "gpuDriverVersion")
        for card in (listed if isinstance(listed, list) else ())
        if read(card, "count") != 0
    ]
    if "INSTALLATION_DISABLED" in found:
        return True
    return UNKNOWN if listed is UNKNOWN or UNKNOWN in found else False


def size_has_an_end(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes of which there may be any number.

    A pool that does not scale has the number that it says. Nodes that GKE makes by itself end with
    ``resourceLimits``, which Autopilot does not have: there quotas alone are an end.
    """

    def judge(n: Nodes) -> Verdict:
        if n.automatic:
            return _limits(read(resource.props, "clusterAutoscaling", "resourceLimits"))
        scaling = read(n.pool, "autoscaling")
        if scaling is None:
            keys, within, least = ("nodeCount", "initialNodeCount"), n.pool, 0
        else:
            keys, within, least = ("maxNodeCount", "totalMaxNodeCount"), scaling, 1
        sizes = [read(within, key) for key in keys]
        fine = any(_at_least(size, least) for size in sizes)
        value = UNKNOWN if UNKNOWN in sizes and not fine else None
        place = f"{n.around}{'autoscaling.' if least else ''}{keys[0]}"
        return held(value, fine, place, f"{place} is missing")

    return of_each(resource, judge)


def _limits(listed: Any) -> Verdict:
    place = "clusterAutoscaling.resourceLimits"
    entries = listed if isinstance(listed, list) else []
    kinds = {
        kind: read(entry, "maximum")
        for entry in entries
        for kind in [read(entry, "resourceType")]
        if isinstance(kind, str)
    }
    open_ = listed is UNKNOWN or UNKNOWN in entries
    return together(
        held(
            UNKNOWN if open_ and kind not in kinds else most,
            _at_least(most, 1),
            f"{place}[{kind}]",
            f"{place}[{kind}] is missing",
        )
        for kind in LIMITED
        for most in [kinds.get(kind)]
    )


def _at_least(value: Any, least: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least


def accelerators_are_kept(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes with accelerators on which any pod may land.

    Absent, GKE taints nodes with GPUs if the cluster had others before (GKE: "About GPUs"), which
    cannot be seen here, so the pool has to say it. Nodes that GKE makes by itself get theirs.
    """

    def judge(n: Nodes) -> Verdict:
        special = False if n.automatic else _accelerated(n.config)
        taints = read(n.config, "taints")
        effects = [read(t, "effect") for t in (taints if isinstance(taints, list) else ())]
        if special is False or any(effect in KEEPS_AWAY for effect in effects):
            return PASS
        place = f"{n.place}.taints"
        value = UNKNOWN if UNKNOWN in (special, taints, *effects) else taints
        return held(value, False, place, f"{place} keeps no pod away from the accelerators")

    return of_each(resource, judge)


def _accelerated(config: Any) -> Any:
    """Say whether machines have accelerators, or UNKNOWN. A number that is unknown is not none."""
    listed, machine = read(config, "guestAccelerators"), read(config, "machineType")
    cards = listed if isinstance(listed, list) else []
    if isinstance(machine, str) and ACCELERATED.match(machine):
        return True
    if any(isinstance(card, Mapping) and card.get("count") != 0 for card in cards):
        return True
    return UNKNOWN if UNKNOWN in (listed, machine, *cards) else False


RULES = (
    Rule(
        id="CNAI-GKE-013",
        title="Pods on GKE nodes do not see the identity of the machine",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.4.1 GKE metadata server"),
        rationale="Any pod could otherwise take the token of its node and act as that.",
        remedy="Set workloadMetadataConfig.mode to GKE_METADATA.",
        check=metadata_is_of_pods,
    ),
    Rule(
        id="CNAI-GKE-014",
        title="GKE nodes run as a service account of their own",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.2.1 not the Compute Engine default service account"),
        rationale="The project's default account may edit everything in many a project.",
        remedy="Name a service account that may write logs and metrics, read images, and no more.",
        check=nodes_have_own_account,
    ),
    Rule(
        id="CNAI-GKE-016",
        title="GKE nodes are repaired and upgraded without anybody's doing",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.5.2 node auto-repair", "5.5.3 node auto-upgrade"),
        rationale="Nodes that wait for a person run with known holes, or do not run.",
        remedy="Set management.autoRepair and management.autoUpgrade to true.",
        check=looks_after_itself,
    ),
    Rule(
        id="CNAI-GKE-017",
        title="GKE nodes are shielded, and their integrity is watched",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.5.5 Shielded GKE Nodes", "5.5.6 integrity monitoring"),
        rationale="A node that proves what it is cannot be played by a pod that stole its files.",
        remedy="Set enableShieldedNodes and shieldedInstanceConfig.enableIntegrityMonitoring.",
        check=boots_are_measured,
    ),
    Rule(
        id="CNAI-GKE-018",
        title="GKE nodes boot signed code alone",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.5.7 Secure Boot"),
        rationale="What gets in below the kernel outlives every upgrade.",
        remedy="Set shieldedInstanceConfig.enableSecureBoot, and let GKE install the GPU driver.",
        check=boots_only_signed_code,
    ),
    Rule(
        id="CNAI-GKE-019",
        title="The number of GKE nodes has an end",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=(Framework("FinOps Framework", "2026", "Usage Optimization"),),
        rationale="A loop that makes pods would otherwise make machines until the quota ends.",
        remedy="Set autoscaling.maxNodeCount or totalMaxNodeCount, or a fixed nodeCount.",
        check=size_has_an_end,
    ),
    Rule(
        id="CNAI-GKE-020",
        title="GKE nodes with accelerators are kept for who asks for these",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=(Framework("FinOps Framework", "2026", "Usage Optimization"),),
        rationale="A pod that needs no device holds a machine there that others wait for.",
        remedy="Say a taint such as nvidia.com/gpu=present with the effect NO_SCHEDULE.",
        check=accelerators_are_kept,
    ),
)
