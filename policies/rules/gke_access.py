"""Rules on who gets into a GKE cluster and its project, and by which identity."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.gke import CLUSTER, POOL, cis, nodes, unless_autopilot
from policies.values import held, read, together, told
from policies.verdict import PASS, Outcome, Verdict

# Some recorded tokens have the module with a capital letter.
KEY = "gcp:service[aA]ccount/key:Key"
GRANTS = (
    "gcp:projects/iAMMember:IAMMember",
    "gcp:projects/iAMBinding:IAMBinding",
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
    "gcp:artifactregistry/repositoryIamBinding:RepositoryIamBinding",
)
METADATA = "gcp:compute/projectMetadata:ProjectMetadata"
METADATA_ITEM = "gcp:compute/projectMetadataItem:ProjectMetadataItem"
ANYBODY = ("allUsers", "allAuthenticatedUsers")
WHOLE_PROJECT = ("roles/owner", "roles/editor")
# Google's own agent, which has its role from the first day of a project.
GOOGLES_OWN = "@cloudservices.gserviceaccount.com"
SSH_KEYS = ("ssh-keys", "sshkeys")
OS_LOGIN = "enable-oslogin"
ON = ("true", "1", "y", "yes")
NETWORKS = "masterAuthorizedNetworksConfig"
BY_ADDRESS = ("controlPlaneEndpointsConfig", "ipEndpointsConfig", "enabled")


def endpoint_lets_in_some(resource: Resource, _: Ground) -> Verdict:
    """Fail for an API server whose addresses answer to every network.

    Absent, they do, also in Autopilot; an empty ``masterAuthorizedNetworksConfig`` lets in the
    nodes alone (provider). Without any address, only IAM decides (``ipEndpointsConfig``).
    """
    by_ip = read(resource.props, *BY_ADDRESS)
    if by_ip is False:
        return PASS
    verdict = _networks(read(resource.props, NETWORKS))
    if by_ip is UNKNOWN and verdict.outcome is Outcome.FAIL:
        return held(by_ip, False, ".".join(BY_ADDRESS), "")
    return verdict


def _networks(config: Any) -> Verdict:
    if not isinstance(config, Mapping):
        return held(config, False, NETWORKS, f"{NETWORKS} is missing")
    google, blocks = config.get("gcpPublicCidrsAccessEnabled"), config.get("cidrBlocks")
    place = f"{NETWORKS}.gcpPublicCidrsAccessEnabled"
    verdicts = [
        held(google, google is not True, place, f"{place} lets in the machines of all customers"),
        held(blocks, True, f"{NETWORKS}.cidrBlocks", ""),
    ]
    for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
        cidr, name = read(block, "cidrBlock"), read(block, "displayName")
        place = f"{NETWORKS}.cidrBlocks[{name if isinstance(name, str) else index}]"
        verdicts.append(held(cidr, not _all(cidr), place, f"{place} lets in every address"))
    return together(verdicts)


def _all(cidr: Any) -> bool:
    try:
        return isinstance(cidr, str) and ipaddress.ip_network(cidr, strict=False).prefixlen == 0
    except ValueError:
        return False


def endpoint_is_private(resource: Resource, ground: Ground) -> Verdict:
    """Fail in production for an API server with a public address.

    Absent, it has one, also in Autopilot (provider). The endpoint by name counts as private when
    addresses are off: IAM lets in, and no network does.
    """
    if not ground.production:
        return PASS
    private = read(resource.props, "privateClusterConfig", "enablePrivateEndpoint")
    by_ip = read(resource.props, *BY_ADDRESS)
    if private is True or by_ip is False:
        return PASS
    return held(
        UNKNOWN if UNKNOWN in (private, by_ip) else private,
        False,
        "privateClusterConfig.enablePrivateEndpoint",
        "the API server has a public address",
    )


def no_old_ways_in(resource: Resource, _: Ground) -> Verdict:
    """Fail for a client certificate or rights by attributes. Absent, both are off (provider)."""
    issue = ("masterAuth", "clientCertificateConfig", "issueClientCertificate")
    issued, abac = read(resource.props, *issue), resource.props.get("enableLegacyAbac")
    place = ".".join(issue)
    return together(
        [
            held(issued, issued is not True, place, f"{place} makes a key that nobody can revoke"),
            held(
                abac,
                abac is not True,
                "enableLegacyAbac",
                "enableLegacyAbac gives every service account more than its roles",
            ),
        ]
    )


def groups_are_known(resource: Resource, _: Ground) -> Verdict:
    """Fail where roles cannot be bound to groups. Absent, they cannot, also in Autopilot."""
    group = read(resource.props, "authenticatorGroupsConfig", "securityGroup")
    place = "authenticatorGroupsConfig.securityGroup"
    return held(group, told(group), place, f"{place} is missing")


def identity_without_keys(resource: Resource, _: Ground) -> Verdict:
    """Fail for a cluster that gives its pods no identity, and for a key of a service account.

    Absent, a Standard cluster does not; Autopilot always does (GKE: "About Workload Identity").
    """
    if resource.type != CLUSTER:
        return Verdict.fail("it is a key of a service account, which is good until it is deleted")
    pool = read(resource.props, "workloadIdentityConfig", "workloadPool")
    place = "workloadIdentityConfig.workloadPool"
    return unless_autopilot(resource, held(pool, told(pool), place, f"{place} is missing"))


def grants_are_narrow(resource: Resource, _: Ground) -> Verdict:
    """Fail for a role given to anybody, or one on all of a project given to a service account."""
    role, several = resource.props.get("role"), resource.props.get("members")
    members = several if isinstance(several, list) else [resource.props.get("member")]
    verdicts = [held(several, True, "members", "")]
    for index, member in enumerate(members):
        place = "member" if members is not several else f"members[{index}]"
        anybody = member in ANYBODY
        machine = isinstance(member, str) and member.startswith("serviceAccount:")
        if machine and not member.endswith(GOOGLES_OWN):
            wide = role in WHOLE_PROJECT
            verdicts.append(held(role, not wide, "role", f"{place} gets all of the project"))
        verdicts.append(held(member, not anybody, place, f"{place} is everybody there is"))
    return together(verdicts)


def no_ssh_by_metadata(resource: Resource, _: Ground) -> Verdict:
    """Fail for SSH keys in metadata, and for metadata that leaves OS Login off.

    ``ProjectMetadata`` is all that a project has, so OS Login has to be in it; an item of it, or
    the metadata of nodes, only has to leave it on (Compute Engine: "About OS Login").
    """
    props = resource.props
    if resource.type == METADATA_ITEM:
        key = props.get("key")
        item = {str(key): props.get("value")}
        return held(key, True, "key", "") if key is UNKNOWN else _entries(item)
    if resource.type == METADATA:
        metadata = props.get("metadata")
        on = metadata is UNKNOWN or (isinstance(metadata, Mapping) and OS_LOGIN in metadata)
        said = PASS if on else Verdict.fail(f"metadata does not say {OS_LOGIN}")
        return together([said, _entries(metadata)])
    return together(_entries(read(n.config, "metadata"), f"{n.place}.") for n in nodes(resource))


def _entries(metadata: Any, around: str = "") -> Verdict:
    verdicts = [held(metadata, True, f"{around}metadata", "")]
    for key, value in metadata.items() if isinstance(metadata, Mapping) else ():
        place = f"{around}metadata['{key}']"
        if str(key).casefold() in SSH_KEYS:
            empty = value in (None, "")
            verdicts.append(held(value, empty, place, f"{place} lets in whoever has the keys"))
        if key == OS_LOGIN:
            on = str(value).casefold() in ON
            verdicts.append(held(value, on, place, f"{place} turns OS Login off"))
    return together(verdicts)


RULES = (
    Rule(
        id="CNAI-GKE-006",
        title="The API server of a GKE cluster answers to named networks alone",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.6.3 control plane authorized networks"),
        rationale="A stolen credential or a hole in the API server is of use where it answers.",
        remedy="List the networks that need it in masterAuthorizedNetworksConfig.cidrBlocks.",
        check=endpoint_lets_in_some,
    ),
    Rule(
        id="CNAI-GKE-007",
        title="In production the API server of a GKE cluster has no public address",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.6.4 private endpoint enabled and public access disabled"),
        rationale="What cannot be reached from outside cannot be tried from outside.",
        remedy=(
            "Set privateClusterConfig.enablePrivateEndpoint, or turn addresses off in"
            " controlPlaneEndpointsConfig.ipEndpointsConfig and use the endpoint by name."
        ),
        check=endpoint_is_private,
    ),
    Rule(
        id="CNAI-GKE-008",
        title="Nobody gets into a GKE cluster by a client certificate or by attributes",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.8.1 no client certificates", "5.8.3 legacy authorization disabled"),
        rationale="Both pass by the roles that are reviewed, and neither can be taken back.",
        remedy="Leave out issueClientCertificate and enableLegacyAbac, or set them to false.",
        check=no_old_ways_in,
    ),
    Rule(
        id="CNAI-GKE-009",
        title="Roles in a GKE cluster can be bound to groups of people",
        severity=Severity.LOW,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.8.2 RBAC users with Google Groups"),
        rationale="Who leaves a team leaves its group, and is easily forgotten in a binding.",
        remedy="Set authenticatorGroupsConfig.securityGroup to gke-security-groups@ the domain.",
        check=groups_are_known,
        mandatory=False,
    ),
    Rule(
        id="CNAI-GKE-010",
        title="Pods get their identity in Google Cloud from the cluster, and from no key",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, KEY),
        frameworks=cis("5.2.2 dedicated service accounts and Workload Identity"),
        rationale="Without it pods share the identity of their node, or carry a key that can leak.",
        remedy="Set workloadIdentityConfig.workloadPool to PROJECT.svc.id.goog, and drop keys.",
        check=identity_without_keys,
    ),
    Rule(
        id="CNAI-GKE-011",
        title="No role is given to everybody, and to no machine one on the whole project",
        severity=Severity.CRITICAL,
        scope=Scope.CLOUD,
        types=GRANTS,
        frameworks=cis(
            "5.1.2 minimize user access to image repositories",
            "5.2.1 minimally privileged service accounts",
        ),
        rationale="One pod that is taken over must not be a project that is taken over.",
        remedy="Name who needs it, and give roles for single services, not owner or editor.",
        check=grants_are_narrow,
    ),
    Rule(
        id="CNAI-GKE-012",
        title="Nobody reaches nodes by SSH keys that lie in metadata",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL, METADATA, METADATA_ITEM),
        frameworks=(
            Framework(
                "NSA/CISA Kubernetes Hardening Guidance",
                "1.2",
                "authentication and authorization",
            ),
        ),
        rationale="Such keys open every machine of a project and end with nobody's employment.",
        remedy=f"Remove the keys, and set {OS_LOGIN} to TRUE, by which IAM decides.",
        check=no_ssh_by_metadata,
    ),
)
