"""Rules on the control plane of a GKE cluster, and what the rules on Google Cloud share.

Each check says what GKE does where a property is absent. Where it says "provider", that is the
schema which Pulumi's provider is made from (hashicorp/terraform-provider-google,
google/services/container); "GKE" is cloud.google.com/kubernetes-engine/docs. Autopilot has many of
the settings built in and lets nobody say them (there: "Compare Autopilot and Standard").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.values import held, read, together, told
from policies.verdict import PASS, Outcome, Verdict

CLUSTER = "gcp:container/cluster:Cluster"
POOL = "gcp:container/nodePool:NodePool"
ENCRYPTED = ("ENCRYPTED", "ALL_OBJECTS_ENCRYPTION_ENABLED")
CONTROL_PLANE = ("APISERVER", "CONTROLLER_MANAGER", "SCHEDULER")
DEFAULTS = ("clusterAutoscaling", "autoProvisioningDefaults")


def cis(*references: str) -> tuple[Framework, ...]:
    """Return the places of the benchmark that a rule serves."""
    name = "CIS Google Kubernetes Engine Benchmark"
    return tuple(Framework(name, "1.9", reference) for reference in references)


def unless_autopilot(resource: Resource, verdict: Verdict) -> Verdict:
    """Pass an Autopilot cluster, which has built in what is judged."""
    automatic = resource.props.get("enableAutopilot")
    if automatic is True:
        return PASS
    if automatic is UNKNOWN and verdict.outcome is Outcome.FAIL:
        return Verdict.of([], ["enableAutopilot is not known yet"])
    return verdict


@dataclass(frozen=True)
class Nodes:
    """Settings that nodes are made by: ``config`` is those of a machine, ``pool`` what is around.

    ``place`` and ``around`` are their names in messages. ``automatic`` ones are made by GKE itself
    as pods need them.
    """

    config: Any
    pool: Any
    place: str = "nodeConfig"
    around: str = ""
    automatic: bool = False


def nodes(resource: Resource) -> Iterator[Nodes]:
    """Yield the settings of nodes in a NodePool, or in a Cluster that has some inline.

    A cluster without pools of its own gets a default one, made by its ``nodeConfig``; with
    ``removeDefaultNodePool`` that one is gone again before anything runs on it (provider).
    """
    props = resource.props
    if resource.type == POOL:
        yield Nodes(props.get("nodeConfig"), props)
        return
    autopilot = props.get("enableAutopilot")
    if autopilot is UNKNOWN:
        yield Nodes(UNKNOWN, UNKNOWN)
        return
    enabled = autopilot is True or read(props, "clusterAutoscaling", "enabled")
    if enabled is True or enabled is UNKNOWN:
        config = read(props, *DEFAULTS) if enabled is True else UNKNOWN
        place = ".".join(DEFAULTS)
        yield Nodes(config, config, place, f"{place}.", automatic=True)
    if autopilot is True:
        return
    inline, removed = props.get("nodePools"), props.get("removeDefaultNodePool")
    if inline is UNKNOWN:
        yield Nodes(UNKNOWN, UNKNOWN, "nodePools", "nodePools.")
    elif isinstance(inline, list) and inline:
        for index, pool in enumerate(inline):
            name = read(pool, "name")
            place = f"nodePools[{name if isinstance(name, str) else index}]"
            yield Nodes(read(pool, "nodeConfig"), pool, f"{place}.nodeConfig", f"{place}.")
    elif removed is not True:
        config = UNKNOWN if removed is UNKNOWN else props.get("nodeConfig")
        yield Nodes(config, {"initialNodeCount": props.get("initialNodeCount")})


def of_each(resource: Resource, judge: Callable[[Nodes], Verdict]) -> Verdict:
    """Judge all nodes of a resource by something that Autopilot has built in."""
    return unless_autopilot(resource, together(judge(n) for n in nodes(resource)))


def logs_and_metrics(resource: Resource, ground: Ground) -> Verdict:
    """Fail where the system's logs or metrics are off, or in production the control plane's logs.

    Absent, GKE sends logs and metrics of the system and logs of workloads, and none of the control
    plane (GKE: "About GKE logs"), in Autopilot as well.
    """
    props = resource.props
    verdicts = []
    for what, more in (("logging", CONTROL_PLANE if ground.production else ()), ("monitoring", ())):
        needed = ("SYSTEM_COMPONENTS", *more)
        service = props.get(f"{what}Service")
        verdicts.append(
            held(service, service != "none", f"{what}Service", f"{what}Service turns {what} off")
        )
        place = f"{what}Config.enableComponents"
        listed = read(props, f"{what}Config", "enableComponents")
        if not isinstance(listed, list):
            # Nothing said is the default.
            listed = listed if listed is UNKNOWN else ["SYSTEM_COMPONENTS"]
        if listed is UNKNOWN:
            verdicts.append(held(listed, False, place, ""))
        elif missing := [component for component in needed if component not in listed]:
            value = UNKNOWN if UNKNOWN in listed else None
            verdicts.append(held(value, False, place, f"{place} lacks {', '.join(missing)}"))
    return together(verdicts)


def secrets_have_own_key(resource: Resource, _: Ground) -> Verdict:
    """Fail unless Secrets are encrypted with a key of ours before they are stored.

    Absent, only the disks under the control plane are, with Google's key (GKE: "Encrypt secrets at
    the application layer"); Autopilot is no different.
    """
    where = "databaseEncryption"
    state, key = (read(resource.props, where, part) for part in ("state", "keyName"))
    return together(
        [
            held(state, state in ENCRYPTED, f"{where}.state", f"{where} does not encrypt Secrets"),
            held(key, told(key), f"{where}.keyName", f"{where}.keyName is missing"),
        ]
    )


def follows_a_channel(resource: Resource, ground: Ground) -> Verdict:
    """Fail for a cluster outside release channels; in production for a rapid or an alpha one.

    Absent, GKE puts a new cluster into a channel, and Autopilot has no way out of them (GKE: "About
    release channels"); alpha features are off (provider).
    """
    channel = read(resource.props, "releaseChannel", "channel")
    refused = ("UNSPECIFIED", "RAPID") if ground.production else ("UNSPECIFIED",)
    alpha = resource.props.get("enableKubernetesAlpha") if ground.production else False
    return together(
        [
            held(
                channel,
                channel not in refused,
                "releaseChannel.channel",
                "releaseChannel.channel does not lead to proven versions",
            ),
            held(
                alpha,
                alpha is not True,
                "enableKubernetesAlpha",
                "enableKubernetesAlpha makes a cluster that GKE deletes after 30 days",
            ),
        ]
    )


def posture_is_scanned(resource: Resource, _: Ground) -> Verdict:
    """Fail where the scan of workloads' settings is turned off.

    Absent, it is up to the version of GKE, of which new ones have it on ("About the security
    posture dashboard"), so only what says that it is off fails.
    """
    mode = read(resource.props, "securityPostureConfig", "mode")
    place = "securityPostureConfig.mode"
    return held(mode, mode != "DISABLED", place, f"{place} turns the scan off")


RULES = (
    Rule(
        id="CNAI-GKE-001",
        title="A GKE cluster keeps logs and metrics, in production the control plane's as well",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.7.1 logging and Cloud Monitoring"),
        rationale="What nobody recorded can be neither noticed nor reconstructed.",
        remedy=(
            "Name SYSTEM_COMPONENTS in loggingConfig and monitoringConfig, in production also"
            " APISERVER, CONTROLLER_MANAGER and SCHEDULER in loggingConfig."
        ),
        check=logs_and_metrics,
    ),
    Rule(
        id="CNAI-GKE-002",
        title="Secrets of a GKE cluster are encrypted with a key of ours",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.3.1 Secrets encrypted using keys managed in Cloud KMS"),
        rationale="Whoever gets at the cluster's store or its copies reads every Secret otherwise.",
        remedy="Set databaseEncryption.state to ENCRYPTED and keyName to a key in Cloud KMS.",
        check=secrets_have_own_key,
    ),
    Rule(
        id="CNAI-GKE-004",
        title="A GKE cluster follows a release channel that suits what it is for",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.5.4 release channels", "5.10.2 no alpha clusters in production"),
        rationale="Known holes are closed only where versions move, and move to proven ones.",
        remedy="Set releaseChannel.channel to REGULAR or STABLE, and leave alpha features off.",
        check=follows_a_channel,
    ),
    Rule(
        id="CNAI-GKE-005",
        title="The security posture of a GKE cluster is watched",
        severity=Severity.LOW,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.10.4 security posture"),
        rationale="It finds settings of workloads that are known to be exploited, at no cost.",
        remedy="Set securityPostureConfig.mode to BASIC.",
        check=posture_is_scanned,
        mandatory=False,
    ),
)
