"""Rules on the nodes of EKS: how many, for whom, from which image, and what reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.eks import LAUNCH_TEMPLATE, NODE_GROUP, cis, finops, nsa, yes
from policies.values import doubtful, entries, held, read, together, told
from policies.verdict import PASS, Verdict

SUBNET = "aws:ec2/subnet:Subnet"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
EBS = ("ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com", "kubernetes.io/aws-ebs")
# Families of instances with GPUs, Trainium, Inferentia or Gaudi.
ACCELERATED = re.compile(r"(p|g|gr|trn|inf|dl)\d[\w-]*\..+")
ACCELERATED_IMAGES = ("NVIDIA", "NEURON", "GPU")
KEEPS_OUT = ("NO_SCHEDULE", "NO_EXECUTE")
CAPACITY = ("ON_DEMAND", "SPOT", "CAPACITY_BLOCK")
WHOLE = 100


def size_is_bounded(resource: Resource, _: Ground) -> Verdict:
    """Fail for a node group that does not say how large it may become; there is no default."""
    most = read(resource.props, "scalingConfig", "maxSize")
    fine = isinstance(most, int | float) and not isinstance(most, bool)
    return held(most, fine, "scalingConfig.maxSize", "scalingConfig.maxSize is missing")


def accelerators_are_tainted(resource: Resource, _: Ground) -> Verdict:
    """Fail for a group with accelerators that anything may run on; absent, there is no taint.

    Without instance types it has those of its launch template, or else a t3.medium (EKS API
    reference, `CreateNodegroup`).
    """
    props = resource.props
    effects = [read(taint, "effect") for taint in entries(props.get("taints"))]
    accelerated = _accelerated(props)
    if accelerated is False or any(effect in KEEPS_OUT for effect in effects):
        return PASS
    value = UNKNOWN if UNKNOWN in (accelerated, *effects) else effects
    return held(value, False, "what it has and who is kept out", "taints keep nothing out of it")


def _accelerated(props: Mapping[str, Any]) -> Any:
    """Say whether a node group has accelerators; UNKNOWN where that is not to be seen."""
    image, types = props.get("amiType"), entries(props.get("instanceTypes"))
    names = [t for t in types if isinstance(t, str)]
    if isinstance(image, str) and any(word in image for word in ACCELERATED_IMAGES):
        return True
    if any(ACCELERATED.fullmatch(name) for name in names):
        return True
    hidden = UNKNOWN in types or (not names and props.get("launchTemplate") is not None)
    return UNKNOWN if hidden else False


def metadata_stays_on_the_node(resource: Resource, _: Ground) -> Verdict:
    """Fail where a pod gets at the credentials of its node.

    In a launch template, what is absent is up to the account and the image: images that ask for
    tokens let them travel two hops, into pods (EC2 API reference, `Image`: imdsSupport). Without
    one, EKS asks for tokens and allows one hop with Amazon Linux 2023 (EKS user guide, "Upgrade
    from Amazon Linux 2 to Amazon Linux 2023"), the usual image; with the old one it does neither.
    """
    props = resource.props
    if resource.type == NODE_GROUP:
        image, template = props.get("amiType"), props.get("launchTemplate")
        if template is not None:
            return held(template, True, "launchTemplate", "")
        if image is None or (isinstance(image, str) and image.startswith("AL2023")):
            return PASS
        old = isinstance(image, str) and image.startswith("AL2_")
        failure = f"with amiType {image} and no launchTemplate, pods reach the node's credentials"
        return held(image if old else UNKNOWN, False, "what EKS sets for its amiType", failure)
    options = props.get("metadataOptions")
    served, tokens, hops = (
        read(options, key) for key in ("httpEndpoint", "httpTokens", "httpPutResponseHopLimit")
    )
    if served == "disabled":
        return PASS
    place = "metadataOptions.httpTokens"
    far = "metadataOptions.httpPutResponseHopLimit"
    verdict = together(
        [
            held(tokens, tokens == "required", place, f"{place} is not required"),
            held(hops, hops == 1, far, f"{far} is not 1"),
        ]
    )
    return doubtful(verdict, "metadataOptions.httpEndpoint") if served is UNKNOWN else verdict


def disks_are_encrypted(resource: Resource, ground: Ground) -> Verdict:
    """Fail for a disk that is not said to be encrypted, in production with a key of ours.

    Absent, it is as the account has it, which is not encrypted unless somebody changed that (EC2
    user guide, "Amazon EBS encryption"; for volumes, parameters of the EBS CSI driver).
    """
    props = resource.props
    if resource.type == STORAGE_CLASS:
        driver = props.get("provisioner")
        if driver is not UNKNOWN and driver not in EBS:
            return PASS
        verdict = together(_disk(props.get("parameters"), "parameters.", ground))
        return doubtful(verdict, "provisioner") if driver is UNKNOWN else verdict
    if resource.type == NODE_GROUP:
        template, failure = props.get("launchTemplate"), "no launchTemplate encrypts its disks"
        return held(template, template is not None, "launchTemplate", failure)
    place, found = "blockDeviceMappings", []
    for index, mapping in enumerate(entries(props.get(place))):
        ebs = read(mapping, "ebs")
        # A mapping without it is for a disk of the instance itself, or takes one away.
        if ebs is not None:
            found.append(together(_disk(ebs, f"{place}[{index}].ebs.", ground)))
    return together(found or [Verdict.fail(f"{place} has no disk that is encrypted")])


def _disk(disk: Any, place: str, ground: Ground) -> Iterator[Verdict]:
    encrypted, key = read(disk, "encrypted"), read(disk, "kmsKeyId")
    yield held(encrypted, yes(encrypted), f"{place}encrypted", f"{place}encrypted is not true")
    if ground.production:
        yield held(key, told(key), f"{place}kmsKeyId", f"{place}kmsKeyId names no key")


def template_is_private(resource: Resource, _: Ground) -> Verdict:
    """Fail for a launch template that gives nodes public addresses; absent, the subnet decides."""
    if resource.type != LAUNCH_TEMPLATE:
        return PASS
    found = []
    for index, entry in enumerate(entries(resource.props.get("networkInterfaces"))):
        place = f"networkInterfaces[{index}].associatePublicIpAddress"
        public = read(entry, "associatePublicIpAddress")
        found.append(held(public, not yes(public), place, f"{place} is true"))
    return together(found)


def nodes_are_private(resources: Sequence[Resource], _: Ground) -> Mapping[str, Verdict]:
    """Fail for a node group in a subnet that gives public addresses; absent, a subnet does not.

    Before an update nothing tells the id of a subnet: then it is enough that none of the program
    gives them. A launch template may refuse them (EC2 API reference, `Subnet`,
    `CreateLaunchTemplate`).
    """
    subnets = [r for r in resources if r.type == SUBNET]
    templates = [r.props for r in resources if r.type == LAUNCH_TEMPLATE]
    said = [
        read(entry, "associatePublicIpAddress")
        for template in templates
        for entry in entries(template.get("networkInterfaces"))
    ]
    refused = not templates or any(public in (False, "false", UNKNOWN) for public in said)
    groups = [r for r in resources if r.type == NODE_GROUP]
    return {group.name: _private(group, subnets, refused) for group in groups}


def _private(group: Resource, subnets: Sequence[Resource], refused: bool) -> Verdict:
    ids = entries(group.props.get("subnetIds"))
    own = [subnet for subnet in subnets if subnet.id and subnet.id in ids]
    # All of its subnets, if they are to be seen; else all that there are.
    seen = own if own and len(own) == len(ids) else subnets
    given = [subnet.props.get("mapPublicIpOnLaunch") for subnet in seen]
    if seen and UNKNOWN not in given and not any(yes(public) for public in given):
        return PASS
    names = [subnet.name for subnet in own if yes(subnet.props.get("mapPublicIpOnLaunch"))]
    sure = names and not (refused and group.props.get("launchTemplate") is not None)
    failure = f"{group.name} is in {', '.join(names)}, which gives public addresses"
    place = f"whether the subnets of {group.name} are private"
    return held(names if sure else UNKNOWN, False, place, failure)


def capacity_is_said(resource: Resource, _: Ground) -> Verdict:
    """Fail for a group that does not say how its capacity is paid for; absent, it is ON_DEMAND."""
    kind = resource.props.get("capacityType")
    return held(kind, kind in CAPACITY, "capacityType", "capacityType is missing")


def images_are_maintained(resource: Resource, _: Ground) -> Verdict:
    """Fail for an image without patches, or an update that replaces all nodes at once.

    Amazon Linux 2 has got none since November 2025 (EKS user guide, "Upgrade from Amazon Linux 2").
    Absent, the image is Amazon Linux 2023, and one node is replaced at a time (`CreateNodegroup`,
    `NodegroupUpdateConfig`).
    """
    image = resource.props.get("amiType")
    share = read(resource.props, "updateConfig", "maxUnavailablePercentage")
    old = isinstance(image, str) and image.startswith("AL2_")
    every = isinstance(share, int | float) and share >= WHOLE
    place = "updateConfig.maxUnavailablePercentage"
    return together(
        [
            held(image, not old, "amiType", "amiType is of Amazon Linux 2, which gets no patches"),
            held(share, not every, place, f"{place} takes away all nodes at once"),
        ]
    )


RULES = (
    Rule(
        id="CNAI-NOD-001",
        title="A node group of EKS says how large it may become",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(NODE_GROUP,),
        frameworks=finops("Budgeting"),
        rationale="The largest number of nodes is the largest bill, and is chosen, not found out.",
        remedy="Set scalingConfig.maxSize.",
        check=size_is_bounded,
    ),
    Rule(
        id="CNAI-NOD-002",
        title="Nodes with accelerators in EKS are tainted",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(NODE_GROUP,),
        frameworks=finops("Usage Optimization"),
        rationale="A pod that needs no accelerator keeps a node that costs fifty others busy.",
        remedy="Add a taint with effect NO_SCHEDULE, such as nvidia.com/gpu.",
        check=accelerators_are_tainted,
    ),
    Rule(
        id="CNAI-NOD-003",
        title="Pods do not reach the metadata service of their EKS node",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(LAUNCH_TEMPLATE, NODE_GROUP),
        frameworks=(
            *cis("5.2.1 dedicated EKS service accounts"),
            *nsa("network separation and hardening"),
        ),
        rationale="It hands the credentials of the node to whoever asks from within.",
        remedy=(
            "Set metadataOptions.httpTokens to required and httpPutResponseHopLimit to 1 in the"
            " launch template."
        ),
        check=metadata_stays_on_the_node,
    ),
    Rule(
        id="CNAI-NOD-004",
        title="Disks of EKS nodes and volumes are encrypted, in production with a key of ours",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(LAUNCH_TEMPLATE, NODE_GROUP, STORAGE_CLASS),
        frameworks=(Framework("AI supply chain", "1.0", "models and data are encrypted at rest"),),
        rationale="Disks hold models, data and the Secrets of pods, and live on in snapshots.",
        remedy="Set encrypted, and kmsKeyId, for each disk of the template or of the StorageClass.",
        check=disks_are_encrypted,
    ),
    Rule(
        id="CNAI-NOD-005",
        title="EKS nodes have no public address",
        severity=Severity.HIGH,
        scope=Scope.CLOUD,
        types=(LAUNCH_TEMPLATE, NODE_GROUP, SUBNET),
        frameworks=cis("5.4.3 clusters with private nodes"),
        rationale="What has no address on the Internet is not reached from there by mistake.",
        remedy="Use subnets without mapPublicIpOnLaunch, and no associatePublicIpAddress.",
        check=template_is_private,
        relation=nodes_are_private,
    ),
    Rule(
        id="CNAI-NOD-006",
        title="A node group of EKS says how its capacity is paid for",
        severity=Severity.LOW,
        scope=Scope.CLOUD,
        types=(NODE_GROUP,),
        frameworks=finops("Rate Optimization"),
        rationale="On demand, spot and reserved blocks differ in price and in what may be lost.",
        remedy="Set capacityType to ON_DEMAND, SPOT or CAPACITY_BLOCK.",
        check=capacity_is_said,
        mandatory=False,
    ),
    Rule(
        id="CNAI-NOD-007",
        title="Images of EKS nodes get patches, and updates leave nodes standing",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(NODE_GROUP,),
        frameworks=nsa("upgrading and application security practices"),
        rationale="A hole in the system of a node is open until its image is replaced.",
        remedy="Use images of Amazon Linux 2023 or Bottlerocket, and update a part at a time.",
        check=images_are_maintained,
    ),
)
