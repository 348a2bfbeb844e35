"""Rules on networks in AWS: who may come in, and what is separated and recorded within."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

import yaml

from policies.catalog import Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.eks import ADDON, CLUSTER, NODE_GROUP, cis, mine, nsa
from policies.values import doubtful, entries, held, read, together, told
from policies.verdict import PASS, Verdict

VPC = "aws:ec2/vpc:Vpc"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
CHARTS = (
    *("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart"),
    "kubernetes:apps/v1:DaemonSet",
)
ENGINES = ("cilium", "calico-node", "tigera-operator")
"""Charts, and DaemonSets, of what enforces network policies in place of Amazon's own."""
GUARDED = {22: "SSH", 2379: "etcd", 3389: "RDP", 10250: "the kubelet"}
NO_PORTS = ("icmp", "icmpv6", "1", "58")


def everywhere(ranges: Iterable[Any]) -> bool:
    """Say whether ranges hold every address there is, as one range or as several together."""
    four: list[IPv4Network] = []
    six: list[IPv6Network] = []
    for said in ranges:
        if isinstance(said, str):
            with suppress(ValueError):
                network = ip_network(said, strict=False)
                if isinstance(network, IPv4Network):
                    four.append(network)
                else:
                    six.append(network)
    sizes = [network.prefixlen for network in collapse_addresses(four)]
    sizes += [network.prefixlen for network in collapse_addresses(six)]
    return 0 in sizes


def endpoint_is_restricted(resource: Resource, _: Ground) -> Verdict:
    """Fail for an API server that every address may reach.

    Absent, the endpoint is public, and for everyone (EKS API reference, `VpcConfigRequest`).
    """
    config, place = resource.props.get("vpcConfig"), "vpcConfig.publicAccessCidrs"
    public, said = read(config, "endpointPublicAccess"), entries(read(config, "publicAccessCidrs"))
    if public is False:
        return PASS
    if said and not everywhere(said):
        return held(UNKNOWN if UNKNOWN in said else said, True, place, "")
    verdict = Verdict.fail(f"{place} {'holds' if said else 'is empty, which means'} every address")
    return doubtful(verdict, "vpcConfig.endpointPublicAccess") if public is UNKNOWN else verdict


def endpoint_is_private(resource: Resource, ground: Ground) -> Verdict:
    """Fail in production for an API server that can be reached from outside the network.

    Absent, it is public and not private (EKS API reference, `VpcConfigRequest`).
    """
    if not ground.production:
        return PASS
    return together(
        held(value, value is wanted, place, f"{place} is not {str(wanted).lower()}")
        for key, wanted in {"endpointPrivateAccess": True, "endpointPublicAccess": False}.items()
        for place, value in [(f"vpcConfig.{key}", read(resource.props, "vpcConfig", key))]
    )


def closed_to_the_world(resource: Resource, _: Ground) -> Verdict:
    """Fail where every address may reach a port through which a machine is taken over.

    Absent, a security group lets nobody in. A node group with a key for SSH and no source groups
    opens port 22 to everyone (EKS API reference, `RemoteAccessConfig`).
    """
    if resource.type != NODE_GROUP:
        return together(_opening(place, opening) for place, opening in _openings(resource))
    remote, place = resource.props.get("remoteAccess"), "remoteAccess.sourceSecurityGroupIds"
    key, sources = (read(remote, k) for k in ("ec2SshKey", "sourceSecurityGroupIds"))
    if key is not UNKNOWN and not told(key):
        return PASS
    failure = f"{place} is empty: SSH is open to every address"
    verdict = held(sources, bool(entries(sources)), place, failure)
    return doubtful(verdict, "remoteAccess.ec2SshKey") if key is UNKNOWN else verdict


def _openings(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Yield what lets traffic in, each with its place."""
    props = resource.props
    if resource.type == GROUP:
        for index, entry in enumerate(entries(props.get("ingress"))):
            yield f"ingress[{index}]", entry
    elif resource.type == INGRESS_RULE or props.get("type") in ("ingress", UNKNOWN):
        yield "the rule", props


def _opening(place: str, opening: Any) -> Verdict:
    lists = (*entries(read(opening, "cidrBlocks")), *entries(read(opening, "ipv6CidrBlocks")))
    ranges = (*lists, read(opening, "cidrIpv4"), read(opening, "cidrIpv6"))
    # The key is `protocol` inside a group, and `ipProtocol` in a rule of its own.
    protocol = read(opening, "protocol") or read(opening, "ipProtocol")
    start, end = read(opening, "fromPort"), read(opening, "toPort")
    names: list[str] = []
    if protocol in ("-1", "all"):
        names, sure = ["every port"], True
    else:
        sure = protocol in NO_PORTS or UNKNOWN not in (protocol, start, end)
        if protocol not in NO_PORTS and isinstance(start, int | float):
            last = end if isinstance(end, int | float) else start
            names = [name for port, name in GUARDED.items() if start <= port <= last]
    if sure and not names:
        return PASS
    if not everywhere(ranges):
        return held(UNKNOWN if UNKNOWN in ranges else ranges, True, place, "")
    verdict = Verdict.fail(f"{place} opens {', '.join(names)} to every address")
    return verdict if sure and read(opening, "type") is not UNKNOWN else doubtful(verdict, place)


def vpc_has_flow_log(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Fail for a VPC whose traffic is not recorded; absent, it is not (VPC user guide).

    Before an update nothing tells the id of a VPC: then as many flow logs as VPCs are enough. What
    logs of single subnets come to cannot be told.
    """
    vpcs = [r for r in resources if r.type == VPC]
    logs = [r.props for r in resources if r.type == FLOW_LOG]
    others = ("subnetId", "eniId", "transitGatewayId", "transitGatewayAttachmentId")
    partly = any(told(log.get(key)) for log in logs for key in others[:2])
    targets = [log.get("vpcId") for log in logs if not any(told(log.get(k)) for k in others)]
    named = {target for target in targets if isinstance(target, str)}
    vague = partly or not all(isinstance(target, str) for target in targets)
    found = {}
    for vpc in vpcs:
        own = vpc.id
        if own in named if own else len(named) >= len(vpcs):
            found[vpc.name] = PASS
        elif vague or (named and not own):
            found[vpc.name] = held(UNKNOWN, False, f"which flow log is that of {vpc.name}", "")
        else:
            found[vpc.name] = Verdict.fail(f"{vpc.name} has no flow log")
    return found


def network_policies_hold(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Fail for a cluster in which a NetworkPolicy is accepted and enforced by nothing.

    Absent, a cluster starts with Amazon's vpc-cni, which does not enforce them until it is told to
    (EKS user guide, "Restrict Pod network traffic with Kubernetes network policies"); in Auto Mode
    a ConfigMap tells it ("Use Network Policies with EKS Auto Mode").
    """
    clusters = [r for r in resources if r.type == CLUSTER]
    return {c.name: _policies_hold(c, len(clusters), resources) for c in clusters}


def _policies_hold(cluster: Resource, clusters: int, resources: Sequence[Resource]) -> Verdict:
    automatic = read(cluster.props, "computeConfig", "enabled")
    first = cluster.props.get("bootstrapSelfManagedAddons")
    if any(_engine(r) or (automatic is True and _switch(r)) for r in resources):
        place = "to which cluster the engine of network policies belongs"
        return held(True if clusters == 1 else UNKNOWN, True, place, "")
    found: list[Any] = []
    for addon in resources:
        kind = addon.props.get("addonName")
        if addon.type == ADDON and kind in ("vpc-cni", UNKNOWN):
            belongs = mine(cluster, clusters, addon.props.get("clusterName"))
            if belongs is not False:
                on = _told_to_enforce(addon.props.get("configurationValues"))
                found.append(on if belongs and kind is not UNKNOWN else UNKNOWN)
    if True in found:
        return PASS
    # Auto Mode is told inside the cluster, and whoever wants no first CNI brings another.
    elsewhere = automatic is True or (first is False and not found)
    value = UNKNOWN if elsewhere or UNKNOWN in (*found, automatic, first) else False
    what = f"the network policies of {cluster.name}"
    return held(value, False, f"what enforces {what}", f"nothing enforces {what}")


def _engine(resource: Resource) -> bool:
    """Say whether a resource of Kubernetes is an engine of network policies."""
    chart = resource.props.get("chart")
    name = chart.rpartition("/")[2] if isinstance(chart, str) else resource.metadata.get("name")
    return resource.type in CHARTS and name in ENGINES


def _switch(resource: Resource) -> bool:
    """Say whether a resource tells the CNI of Auto Mode to enforce network policies."""
    on = read(resource.props, "data", "enable-network-policy-controller") == "true"
    named = resource.metadata.get("name") == "amazon-vpc-cni"
    return resource.type == CONFIG_MAP and named and on


def _told_to_enforce(values: Any) -> Any:
    """Read the configuration of vpc-cni, which is JSON or YAML."""
    if not isinstance(values, str):
        return values if values is UNKNOWN else False
    with suppress(yaml.YAMLError, ValueError, AttributeError, LookupError):
        return read(yaml.safe_load(values), "enableNetworkPolicy") in (True, "true")
    return False


RULES = (
    Rule(
        id="CNAI-EKS-004",
        title="The API server of an EKS cluster is not open to every address",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.4.1 restricted control plane endpoint"),
        rationale="A stolen token or a hole in the API server is of use only to who can reach it.",
        remedy="Name your own ranges in vpcConfig.publicAccessCidrs, or turn the endpoint off.",
        check=endpoint_is_restricted,
    ),
    Rule(
        id="CNAI-EKS-005",
        title="In production the API server of an EKS cluster is private",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.4.2 private endpoint enabled and public access disabled"),
        rationale="What is not on the Internet is not scanned, guessed at or flooded from there.",
        remedy="Set vpcConfig.endpointPrivateAccess to true and endpointPublicAccess to false.",
        check=endpoint_is_private,
    ),
    Rule(
        id="CNAI-EKS-008",
        title="Network policies are enforced in an EKS cluster",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, ADDON, CONFIG_MAP, *CHARTS),
        frameworks=cis("4.3.1 CNI supports network policies", "5.4.4 network policy is enabled"),
        rationale="A policy that nothing enforces separates teams on paper only.",
        remedy="Give the addon vpc-cni enableNetworkPolicy in configurationValues, or run Cilium.",
        relation=network_policies_hold,
    ),
    Rule(
        id="CNAI-EKS-009",
        title="The traffic of a VPC is recorded",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(VPC, FLOW_LOG),
        frameworks=nsa("audit logging and threat detection"),
        rationale="Flow logs are what shows, afterwards, where data went and who knocked.",
        remedy="Make a FlowLog whose vpcId is that of the VPC.",
        relation=vpc_has_flow_log,
    ),
    Rule(
        id="CNAI-EKS-010",
        title="No machine of a cluster is open to every address for administration",
        severity=Severity.CRITICAL,
        scope=Scope.CLOUD,
        types=(NODE_GROUP, GROUP, GROUP_RULE, INGRESS_RULE),
        frameworks=nsa("network separation and hardening"),
        rationale="Ports of administration are tried from everywhere within minutes.",
        remedy="Name source groups or ranges of your own; better, use Session Manager and no SSH.",
        check=closed_to_the_world,
    ),
)
