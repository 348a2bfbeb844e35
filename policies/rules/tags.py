"""Rules on tags: who answers for a resource of a cloud, who pays for it, and what it is part of.

There are three, with keys in the form that each cloud allows. AWS takes letters, digits and
``_.:/=+-@``; Google Cloud takes small letters, digits, ``_`` and ``-``, sixty-three at most, so
that a dot becomes a dash and a slash becomes an underscore.

=====================  ========================  =======================
says                   tag in AWS                label in Google Cloud
=====================  ========================  =======================
who answers for it     ``cnai.dev/owner``        ``cnai-dev_owner``
who pays for it        ``cnai.dev/cost-centre``  ``cnai-dev_cost-centre``
the environment        ``cnai.dev/environment``  ``cnai-dev_environment``
=====================  ========================  =======================

They are best said once, as defaults of the provider: ``defaultTags``, ``defaultLabels``. To be seen
on a bill, they are activated there as well (AWS Billing, "Using user-defined cost allocation
tags"). An EC2 template that shows tags to its instances (``instanceMetadataTags``) allows no slash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from components.labels import DOMAIN
from policies.catalog import Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.eks import LAUNCH_TEMPLATE, finops
from policies.values import entries, read, together, told
from policies.verdict import PASS, Verdict

WHAT = ("owner", "cost-centre", "environment")
TAGS = tuple(f"{DOMAIN}/{what}" for what in WHAT)
LABELS = tuple(f"{DOMAIN.replace('.', '-')}_{what}" for what in WHAT)
LAUNCHED = ("instance", "volume")
"""What a launch template makes and is paid for."""
TAGGABLE = (
    *("aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup", LAUNCH_TEMPLATE),
    *("aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/securityGroup:SecurityGroup"),
    *("aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip", "aws:ec2/vpcEndpoint:VpcEndpoint"),
    *("aws:ec2/instance:Instance", "aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem"),
    *("aws:lb/loadBalancer:LoadBalancer", "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"),
    *("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2", "aws:ecr/repository:Repository"),
    *("aws:kms/key:Key", "aws:iam/role:Role", "aws:cloudwatch/logGroup:LogGroup"),
)
"""Types that can be tagged, whether they say so or not."""
PROVIDER = "pulumi:providers:gcp"
LABELLED: dict[str, tuple[str, ...]] = {
    f"gcp:{token}": ("labels",)
    for token in (
        *("compute/disk:Disk", "compute/regionDisk:RegionDisk", "compute/snapshot:Snapshot"),
        *("compute/instance:Instance", "compute/instanceTemplate:InstanceTemplate"),
        *("compute/address:Address", "compute/globalAddress:GlobalAddress"),
        *("compute/forwardingRule:ForwardingRule", "storage/bucket:Bucket", "tpu/v2Vm:V2Vm"),
        *("artifactregistry/repository:Repository", "kms/cryptoKey:CryptoKey"),
        *("secretmanager/secret:Secret", "filestore/instance:Instance", "redis/instance:Instance"),
        *("bigquery/dataset:Dataset", "pubsub/topic:Topic", "organizations/project:Project"),
    )
} | {
    "gcp:container/cluster:Cluster": ("resourceLabels",),
    "gcp:container/nodePool:NodePool": ("nodeConfig", "resourceLabels"),
    "gcp:sql/databaseInstance:DatabaseInstance": ("settings", "userLabels"),
}
"""Types that can be labelled, with the place of their labels."""


def aws_is_tagged(resource: Resource, _: Ground) -> Verdict:
    """Fail for a resource in AWS without the tags; absent, it has those of its provider.

    The provider writes ``tagsAll``, which holds its default tags, into the inputs of what can be
    tagged (pulumi/pulumi-aws, provider/tags.go). Nodes and their disks have the tags of the launch
    template alone, not of the node group (EKS user guide, "Organize resources with tags").
    """
    props = resource.props
    if resource.type not in TAGGABLE and "tagsAll" not in props:
        return PASS
    verdicts = [_carried("tags", TAGS, [props.get("tags"), props.get("tagsAll")])]
    if resource.type == LAUNCH_TEMPLATE:
        said = entries(props.get("tagSpecifications"))
        for kind in LAUNCHED:
            of_kind = [spec for spec in said if read(spec, "resourceType") in (kind, UNKNOWN)]
            place = f"tagSpecifications of {kind}"
            verdicts.append(_carried(place, TAGS, [read(spec, "tags") for spec in of_kind]))
    return together(verdicts)


def google_is_labelled(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Fail for a resource in Google Cloud without the labels; absent, it has its provider's.

    Those are on every resource with labels of its own, not on labels within something else
    (hashicorp/terraform-provider-google, "Provider Default Labels"). Which provider makes what is
    not to be seen: what all of them say counts.
    """
    providers = [_defaults(r) for r in resources if r.type == PROVIDER]
    found: dict[str, Verdict] = {}
    for resource in resources:
        path = LABELLED.get(resource.type)
        if path:
            props = resource.props
            sets = [read(props, *path), props.get("pulumiLabels"), props.get("effectiveLabels")]
            if len(path) == 1:
                sets.append(_shared(providers))
            verdict = _carried(f"{'.'.join(path)} of {resource.name}", LABELS, sets)
            seen = [found[resource.name]] if resource.name in found else []
            found[resource.name] = together([*seen, verdict])
    return found


def _defaults(provider: Resource) -> Any:
    """Return the default labels of a provider, whose properties are texts of JSON in a state."""
    said = provider.props.get("defaultLabels")
    if isinstance(said, str):
        with suppress(ValueError):
            return json.loads(said)
    return said


def _shared(providers: Sequence[Any]) -> dict[str, Any]:
    """Return the labels that all providers say; UNKNOWN ones are those that only some do."""
    found: dict[str, Any] = {}
    for key in LABELS:
        values = [read(provider, key) for provider in providers]
        if values and all(told(value) for value in values):
            found[key] = values[0]
        elif any(told(value) or value is UNKNOWN for value in values):
            found[key] = UNKNOWN
    return found


def _carried(place: str, keys: Sequence[str], sets: Sequence[Any]) -> Verdict:
    """Fail where none of several sets holds a key with something in it."""
    values = {key: [read(carried, key) for carried in sets] for key in keys}
    lacking = [key for key in keys if not any(told(value) for value in values[key])]
    unknown = [key for key in lacking if UNKNOWN in values[key]]
    absent = [key for key in lacking if key not in unknown]
    return Verdict.of(
        [f"{place} lacks {', '.join(absent)}"] if absent else [],
        [f"{', '.join(unknown)} in {place} is not known yet"] if unknown else [],
    )


RULES = (
    Rule(
        id="CNAI-TAG-001",
        title="A resource in AWS says who owns it, who pays for it and what it is part of",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=("aws:*",),
        frameworks=finops("Allocation"),
        rationale="What nobody is named for is paid by all, and dared to be removed by none.",
        remedy=(
            f"Set the tags {', '.join(TAGS)}, best as defaultTags of the provider, and in"
            " tagSpecifications of launch templates."
        ),
        check=aws_is_tagged,
    ),
    Rule(
        id="CNAI-TAG-002",
        title="A resource in Google Cloud says who owns it, who pays and what it is part of",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(*LABELLED, PROVIDER),
        frameworks=finops("Allocation"),
        rationale="What nobody is named for is paid by all, and dared to be removed by none.",
        remedy=f"Set the labels {', '.join(LABELS)}, best as defaultLabels of the provider.",
        relation=google_is_labelled,
    ),
)
