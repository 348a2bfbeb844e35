"""Rules on the network of a GKE cluster."""

from __future__ import annotations

from collections.abc import Mapping

from policies.catalog import Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.gke import CLUSTER, POOL, cis, nodes, unless_autopilot
from policies.values import held, read, together, told
from policies.verdict import PASS, Verdict

NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
# What a subnetwork is for when machines are in it; others carry no flows that can be logged.
OF_MACHINES = (None, "PRIVATE")


def nodes_are_private(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes with public addresses.

    Absent, a cluster's nodes have them, also in Autopilot; a pool does as its cluster (provider).
    """
    place = "enablePrivateNodes"
    verdicts = []
    if resource.type == CLUSTER:
        private = read(resource.props, "privateClusterConfig", place)
        said = f"privateClusterConfig.{place}"
        verdicts.append(held(private, private is True, said, f"{said} is not turned on"))
    for n in nodes(resource):
        if not n.automatic:
            private = read(n.pool, "networkConfig", place)
            said = f"{n.around}networkConfig.{place}"
            verdicts.append(held(private, private is not False, said, f"{said} is turned off"))
    return together(verdicts)


def policies_are_enforced(resource: Resource, _: Ground) -> Verdict:
    """Fail for a cluster in which a NetworkPolicy has no effect.

    Absent, it has none; Autopilot has Dataplane V2 built in (GKE: "About network policy").
    """
    props = resource.props
    path, calico = props.get("datapathProvider"), read(props, "networkPolicy", "enabled")
    # Calico needs its addon, which may not be turned off.
    addon = read(props, "addonsConfig", "networkPolicyConfig", "disabled")
    on = path == "ADVANCED_DATAPATH" or (calico is True and addon not in (True, UNKNOWN))
    doubt = UNKNOWN in (path, calico) or (calico is True and addon is UNKNOWN)
    verdict = held(
        UNKNOWN if doubt and not on else None,
        on,
        "datapathProvider",
        "neither datapathProvider nor networkPolicy enforces a NetworkPolicy",
    )
    return unless_autopilot(resource, verdict)


def is_native_in_own_network(resource: Resource, _: Ground) -> Verdict:
    """Fail for pods outside the network's own routing, and for the project's default network.

    Absent, a cluster is VPC-native unless it says ``clusterIpv4Cidr``, and in the network named
    "default" (provider), into which rules of its own let SSH from everywhere.
    """
    props = resource.props
    mode, network = props.get("networkingMode"), props.get("network")
    cidr = props.get("clusterIpv4Cidr") if mode is None else None
    routes = mode == "ROUTES" or told(cidr)
    own = isinstance(network, str) and network.rpartition("/")[2] not in ("", "default")
    return together(
        [
            unless_autopilot(
                resource,
                held(cidr or mode, not routes, "networkingMode", "the cluster is not VPC-native"),
            ),
            held(network, own, "network", "network is the default one of the project"),
        ]
    )


def flows_are_seen(resource: Resource, _: Ground) -> Verdict:
    """Fail where nobody can tell who spoke to whom.

    Absent, a subnetwork logs nothing, a network makes subnetworks by itself that log nothing, and
    traffic between pods of one node is not seen by the network at all (provider). Autopilot does
    not let intranode visibility be said.
    """
    props = resource.props
    if resource.type == NETWORK:
        makes, place = props.get("autoCreateSubnetworks"), "autoCreateSubnetworks"
        return held(makes, makes is False, place, f"{place} makes subnetworks without flow logs")
    if resource.type == SUBNETWORK:
        purpose, log = props.get("purpose"), props.get("logConfig")
        if purpose is not UNKNOWN and purpose not in OF_MACHINES:
            return PASS
        kept, flag = read(log, "flowSampling"), props.get("enableFlowLogs")
        fine = flag is True or (isinstance(log, Mapping) and kept not in (0, UNKNOWN))
        value = UNKNOWN if not fine and UNKNOWN in (purpose, log, kept, flag) else None
        return held(value, fine, "logConfig", "logConfig is missing or keeps no flows")
    seen, place = props.get("enableIntranodeVisibility"), "enableIntranodeVisibility"
    return unless_autopilot(resource, held(seen, seen is True, place, f"{place} is not turned on"))


RULES = (
    Rule(
        id="CNAI-GKE-021",
        title="GKE nodes have no public addresses",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.6.5 private nodes"),
        rationale="A port that a pod opens on its node is then one that the world can try.",
        remedy=(
            "Set privateClusterConfig.enablePrivateNodes, and give the subnetwork a way out by"
            " Cloud NAT or privateIpGoogleAccess."
        ),
        check=nodes_are_private,
    ),
    Rule(
        id="CNAI-GKE-022",
        title="A GKE cluster enforces network policies",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("4.3.1 the CNI in use supports Network Policies"),
        rationale="What keeps teams apart is accepted without a word where nothing enforces it.",
        remedy="Set datapathProvider to ADVANCED_DATAPATH.",
        check=policies_are_enforced,
    ),
    Rule(
        id="CNAI-GKE-023",
        title="A GKE cluster is VPC-native, in a network of its own",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.6.2 VPC-native clusters", "5.6.6 firewalling worker nodes"),
        rationale="Firewall rules reach pods only there, and the default network opens SSH to all.",
        remedy="Make a Network and name it in network, and leave networkingMode at VPC_NATIVE.",
        check=is_native_in_own_network,
    ),
    Rule(
        id="CNAI-GKE-024",
        title="The flows of a GKE cluster's network are logged",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER, NETWORK, SUBNETWORK),
        frameworks=cis("5.6.1 VPC Flow Logs and intranode visibility"),
        rationale="Data that leaves is noticed by its flow, if by anything.",
        remedy=(
            "Set logConfig of the Subnetwork, autoCreateSubnetworks of the Network to false, and"
            " enableIntranodeVisibility of the Cluster."
        ),
        check=flows_are_seen,
    ),
)
