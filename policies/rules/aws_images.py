"""Rules on images in ECR, and on what an identity in AWS may do: that of a node, that of a pod."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.eks import ADDON, CLUSTER, NODE_GROUP, cis, mine
from policies.values import entries, held, read, together, told
from policies.verdict import PASS, Verdict

REPOSITORY = "aws:ecr/repository:Repository"
REPOSITORY_POLICY = "aws:ecr/repositoryPolicy:RepositoryPolicy"
REGISTRY = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
WORKER = ("AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy")
"""By either of these a role is known as that of nodes."""
ENOUGH = (
    *WORKER,
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKS_CNI_Policy",
    "AmazonSSMManagedInstanceCore",
)


def images_are_scanned(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Fail for a repository whose images nobody looks into when they are pushed.

    Absent, scans are by hand; a rule of the registry has them for repositories that its filters
    name (ECR API reference, `ImageScanningConfiguration`, `RegistryScanningRule`).
    """
    registries = [r.props for r in resources if r.type == REGISTRY]
    rules = [rule for registry in registries for rule in entries(registry.get("rules"))]
    return {r.name: _scanned(r, rules) for r in resources if r.type == REPOSITORY}


def _scanned(repository: Resource, rules: list[Any]) -> Verdict:
    own, name = (
        read(repository.props, *path)
        for path in (("imageScanningConfiguration", "scanOnPush"), ("name",))
    )
    found = [own]
    for rule in rules:
        often = read(rule, "scanFrequency")
        if often in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN", UNKNOWN):
            for entry in entries(read(rule, "repositoryFilters")):
                fits = _fits(read(entry, "filter"), name)
                found.append(UNKNOWN if fits and often is UNKNOWN else fits)
    if True in found:
        return PASS
    place = f"whether images of {repository.name} are scanned"
    value = UNKNOWN if UNKNOWN in found else False
    return held(value, False, place, f"images of {repository.name} are not scanned on push")


def _fits(pattern: Any, name: Any) -> Any:
    """Say whether a filter names a repository; without a wildcard it may be any part of a name."""
    if not isinstance(pattern, str) or pattern == "*":
        return pattern == "*" or (UNKNOWN if pattern is UNKNOWN else False)
    if not isinstance(name, str):
        return UNKNOWN
    return fnmatchcase(name, pattern) if "*" in pattern else pattern in name


def tags_do_not_move(resource: Resource, _: Ground) -> Verdict:
    """Fail for a repository where a tag may be pushed again; absent, it may (ECR API reference)."""
    mutability = resource.props.get("imageTagMutability")
    filters = entries(resource.props.get("imageTagMutabilityExclusionFilters"))
    if mutability == "IMMUTABLE_WITH_EXCLUSION":
        excluded = [read(entry, "filter") for entry in filters]
        place = "imageTagMutabilityExclusionFilters"
        every = any(isinstance(e, str) and e and not e.strip("*") for e in excluded)
        value = UNKNOWN if UNKNOWN in excluded and not every else excluded
        return held(value, not every, place, f"{place} excludes every tag")
    fine = mutability == "IMMUTABLE"
    return held(mutability, fine, "imageTagMutability", "imageTagMutability is not IMMUTABLE")


def repository_names_who(resource: Resource, _: Ground) -> Verdict:
    """Fail for a policy of a repository that lets everyone in without a condition.

    Without a policy, only identities of the account come in, by their own permissions.
    """
    document = resource.props.get("policy")
    if isinstance(document, str):
        with suppress(ValueError):
            document = json.loads(document)
    said = read(document, "Statement")
    statements = said if isinstance(said, list) else [said]
    failures = [
        f"policy.Statement[{index}] lets everyone in"
        for index, statement in enumerate(statements)
        if read(statement, "Effect") == "Allow" and not read(statement, "Condition")
        if _everyone(read(statement, "Principal")) or read(statement, "NotPrincipal") is not None
    ]
    return Verdict.of(failures, ["policy is not known yet"] if UNKNOWN in statements else [])


def _everyone(principal: Any) -> bool:
    named = read(principal, "AWS") if isinstance(principal, Mapping) else principal
    return named == "*" or "*" in entries(named)


def pods_have_identities(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Fail for a cluster whose pods can only borrow the identity of their node.

    Absent, there is neither the agent of Pod Identity nor a provider that IAM trusts for service
    accounts; Auto Mode has the agent built in (EKS user guide, "EKS Pod Identity").
    """
    clusters = [r for r in resources if r.type == CLUSTER]
    return {c.name: _identities(c, len(clusters), resources) for c in clusters}


def _identities(cluster: Resource, clusters: int, resources: Sequence[Resource]) -> Verdict:
    found: list[Any] = [read(cluster.props, "computeConfig", "enabled")]
    for resource in resources:
        props = resource.props
        addon = props.get("addonName") if resource.type == ADDON else None
        if resource.type == ASSOCIATION or addon in ("eks-pod-identity-agent", UNKNOWN):
            belongs = mine(cluster, clusters, props.get("clusterName"))
            unsure = belongs is None or (belongs and addon is UNKNOWN)
            found.append(UNKNOWN if unsure else belongs)
        elif resource.type == PROVIDER:
            # The address of a cluster's issuer has a name of its own, known when the cluster is.
            url = props.get("url")
            if url is UNKNOWN or (isinstance(url, str) and "oidc.eks" in url):
                found.append(True if told(url) and clusters == 1 else UNKNOWN)
    if True in found:
        return PASS
    what = f"pods of {cluster.name}"
    value = UNKNOWN if UNKNOWN in found else False
    return held(value, False, f"how {what} get identities", f"{what} get no identity of their own")


def nodes_may_little(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Fail for a permission that nodes do not need, as to push images; absent, they have none.

    What they need: EKS user guide, "Amazon EKS node IAM role". A role is known as that of nodes by
    what makes a node of them, or by a node group that names it. What a policy of our own allows is
    not judged.
    """
    granted = list(_granted(resources))
    arns = [r.props.get("nodeRoleArn") for r in resources if r.type == NODE_GROUP]
    roles = {arn.rpartition("/")[2] for arn in arns if isinstance(arn, str)}
    roles |= {role for _, role, policy in granted if _name(policy) in WORKER and told(role)}
    found: dict[str, list[Verdict]] = {}
    for resource, role, policy in granted:
        if role in roles or role is UNKNOWN:
            found.setdefault(resource, []).append(_needed(policy, role is UNKNOWN))
    return {resource: together(verdicts) for resource, verdicts in found.items()}


def _granted(resources: Sequence[Resource]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (resource, role, policy) for each policy that a role is given."""
    for resource in resources:
        props = resource.props
        if resource.type == ATTACHMENT:
            role = props.get("role")
            yield resource.name, role if isinstance(role, str) else UNKNOWN, props.get("policyArn")
        elif resource.type == ROLE and isinstance(props.get("name"), str):
            for policy in entries(props.get("managedPolicyArns")):
                yield resource.name, props["name"], policy


def _name(policy: Any) -> str:
    return policy.rpartition("/")[2] if isinstance(policy, str) else ""


def _needed(policy: Any, whose: bool) -> Verdict:
    name = _name(policy)
    if name in ENOUGH:
        return PASS
    unknown = whose or not name or ":aws:policy/" not in policy
    place = f"what nodes may by {name}" if name else "the policy of the role"
    failure = f"nodes have {name}, which they do not need"
    return held(UNKNOWN if unknown else policy, False, place, failure)


RULES = (
    Rule(
        id="CNAI-EKS-011",
        title="Images in ECR are scanned when they are pushed",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(REPOSITORY, REGISTRY),
        frameworks=cis("5.1.1 image vulnerability scanning"),
        rationale="A known hole is cheapest to close before anything runs with it.",
        remedy="Set imageScanningConfiguration.scanOnPush, or a rule of the registry, to scan it.",
        relation=images_are_scanned,
    ),
    Rule(
        id="CNAI-EKS-012",
        title="A tag in ECR is never given to another image",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(REPOSITORY,),
        frameworks=(Framework("SLSA", "1.0", "consuming artifacts: what was built is what runs"),),
        rationale="What was tested and signed is what runs only when its name cannot be reused.",
        remedy="Set imageTagMutability to IMMUTABLE.",
        check=tags_do_not_move,
    ),
    Rule(
        id="CNAI-EKS-013",
        title="A repository in ECR names who may use it",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(REPOSITORY_POLICY,),
        frameworks=cis("5.1.2 minimal user access to ECR"),
        rationale="Images hold models and code; who may push them decides what runs.",
        remedy="Name principals in the policy, or a condition such as aws:PrincipalOrgID.",
        check=repository_names_who,
    ),
    Rule(
        id="CNAI-EKS-014",
        title="Pods of an EKS cluster can have an identity of their own",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(CLUSTER, ADDON, ASSOCIATION, PROVIDER),
        frameworks=cis("5.2.1 dedicated EKS service accounts"),
        rationale="Otherwise what one pod needs from the cloud is given to every pod of its node.",
        remedy="Add the addon eks-pod-identity-agent, or an OpenIdConnectProvider of the issuer.",
        relation=pods_have_identities,
    ),
    Rule(
        id="CNAI-EKS-015",
        title="The role of EKS nodes may no more than nodes need, and only pull images",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(ATTACHMENT, ROLE, NODE_GROUP),
        frameworks=cis("5.1.3 read-only cluster access to ECR", "5.2.1 dedicated service accounts"),
        rationale="Whoever takes over one node, or one pod in the host's network, has its role.",
        remedy="Detach the policy, and give what a workload needs to a role of its own.",
        relation=nodes_may_little,
    ),
)
