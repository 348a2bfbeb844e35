"""Rules on images and disks of GKE: what nodes boot, what containers run, and what both lie on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.rules.gke import CLUSTER, POOL, Nodes, cis, nodes, of_each
from policies.values import held, read, together, told
from policies.verdict import PASS, Verdict

STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
DISK_DRIVER = "pd.csi.storage.gke.io"
DISK_KEY = "disk-encryption-kms-key"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
# Where images are put, and not only passed on.
HOLDS_IMAGES = (None, "STANDARD_REPOSITORY")
BINARIES = "binaryAuthorization"


def disks_have_own_key(resource: Resource, _: Ground) -> Verdict:
    """Fail for a boot disk, or a class of volumes, without a key of ours.

    Absent, disks are encrypted with keys that Google holds (GKE: "Use customer-managed encryption
    keys"); Autopilot takes the key from the defaults for nodes that it makes.
    """
    props = resource.props
    if resource.type == STORAGE_CLASS:
        driver, key = props.get("provisioner"), read(props, "parameters", DISK_KEY)
        if told(key) or driver not in (DISK_DRIVER, UNKNOWN):
            return PASS
        place = f"parameters['{DISK_KEY}']"
        return held(UNKNOWN if driver is UNKNOWN else key, False, place, f"{place} is missing")
    return together(
        held(key, told(key), f"{n.place}.bootDiskKmsKey", f"{n.place}.bootDiskKmsKey is missing")
        for n in nodes(resource)
        for key in [read(n.config, "bootDiskKmsKey")]
    )


def runs_container_os(resource: Resource, _: Ground) -> Verdict:
    """Fail for nodes with an image that is more than what runs containers.

    Absent, it is COS_CONTAINERD, which is built into Autopilot (GKE: "Node images").
    """

    def judge(n: Nodes) -> Verdict:
        image = read(n.config, "imageType")
        fine = not isinstance(image, str) or image.casefold() in ("", "cos_containerd")
        place = f"{n.place}.imageType"
        return held(image, fine, place, f"{place} is not COS_CONTAINERD")

    return of_each(resource, judge)


def images_are_scanned(resource: Resource, _: Ground) -> Verdict:
    """Fail for a repository of images that is left out of the scan for vulnerabilities.

    Absent, it does as its project, in which Container Scanning has to be on: an API of the project,
    which need not be part of the program (Artifact Registry: "Enable automatic scanning").
    """
    kind = resource.props.get("format")
    mode = read(resource.props, "vulnerabilityScanningConfig", "enablementConfig")
    if not _may_be_docker(kind):
        return PASS
    place = "vulnerabilityScanningConfig.enablementConfig"
    value = UNKNOWN if kind is UNKNOWN and mode == "DISABLED" else mode
    return held(value, mode != "DISABLED", place, f"{place} is DISABLED")


def tags_stay(resource: Resource, _: Ground) -> Verdict:
    """Fail for a repository in which a tag may get another image. Absent, it may (provider)."""
    kind, mode = resource.props.get("format"), resource.props.get("mode")
    fixed = read(resource.props, "dockerConfig", "immutableTags")
    other = mode is not UNKNOWN and mode not in HOLDS_IMAGES
    if fixed is True or other or not _may_be_docker(kind):
        return PASS
    place = "dockerConfig.immutableTags"
    value = UNKNOWN if UNKNOWN in (kind, mode) else fixed
    return held(value, False, place, f"{place} is not turned on")


def _may_be_docker(kind: object) -> bool:
    return kind is UNKNOWN or (isinstance(kind, str) and kind.casefold() == "docker")


def binaries_are_authorized(resource: Resource, _: Ground) -> Verdict:
    """Fail for a cluster that runs any image. Absent, it does, also in Autopilot (provider)."""
    mode = read(resource.props, BINARIES, "evaluationMode")
    older = read(resource.props, BINARIES, "enabled")
    fine = older is True or (isinstance(mode, str) and mode not in ("", "DISABLED"))
    value = UNKNOWN if UNKNOWN in (mode, older) and not fine else None
    return held(value, fine, f"{BINARIES}.evaluationMode", f"{BINARIES} does not evaluate images")


def sandbox_for_teams(resources: Sequence[Resource], ground: Ground) -> Mapping[str, Verdict]:
    """Fail for a cluster with teams and no pool with a sandbox between code and kernel.

    Absent, pods share the kernel of their node (provider). Autopilot offers the sandbox without a
    pool for it. Which cluster a pool is of may not be known, so one pool is enough for all.
    """
    if not ground.tenants:
        return {}
    kinds = [
        kind
        for resource in resources
        for n in nodes(resource)
        for sandbox in [read(n.config, "sandboxConfig")]
        for kind in (sandbox.values() if isinstance(sandbox, Mapping) else [sandbox])
    ]
    found = any(isinstance(kind, str) and kind.casefold() == "gvisor" for kind in kinds)
    place = "sandboxConfig"
    clusters = [resource for resource in resources if resource.type == CLUSTER]
    verdicts = {}
    for cluster in clusters:
        automatic = cluster.props.get("enableAutopilot")
        fine = found or automatic is True
        value = UNKNOWN if UNKNOWN in (automatic, *kinds) and not fine else None
        verdicts[cluster.name] = held(value, fine, place, f"no pool of nodes has a {place}")
    return verdicts


RULES = (
    Rule(
        id="CNAI-GKE-003",
        title="Disks of GKE nodes and volumes are encrypted with a key of ours",
        severity=Severity.LOW,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL, STORAGE_CLASS),
        frameworks=cis("5.9.1 CMEK for persistent disks", "5.9.2 CMEK for boot disks"),
        rationale="Google encrypts every disk, but only a key of ours can be taken away again.",
        remedy=f"Set bootDiskKmsKey of the nodes, and {DISK_KEY} of the StorageClass.",
        check=disks_have_own_key,
        mandatory=False,
    ),
    Rule(
        id="CNAI-GKE-015",
        title="GKE nodes run Container-Optimized OS",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.5.1 Container-Optimized OS"),
        rationale="It has no packages to add, a root that is not written to, and Google's fixes.",
        remedy="Leave out imageType, or set it to COS_CONTAINERD.",
        check=runs_container_os,
    ),
    Rule(
        id="CNAI-GKE-025",
        title="Images in Artifact Registry are scanned for vulnerabilities",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(REPOSITORY,),
        frameworks=cis("5.1.1 image vulnerability scanning"),
        rationale="What was sound when it was pushed is found out to be a hole months later.",
        remedy="Leave out vulnerabilityScanningConfig, or set enablementConfig to INHERITED.",
        check=images_are_scanned,
    ),
    Rule(
        id="CNAI-GKE-026",
        title="A tag in Artifact Registry always means the same image",
        severity=Severity.MEDIUM,
        scope=Scope.CLOUD,
        types=(REPOSITORY,),
        frameworks=(Framework("SLSA", "1.0", "consuming artifacts: what was built is what runs"),),
        rationale="Whoever may push could otherwise change what runs under a name that was tested.",
        remedy="Set dockerConfig.immutableTags to true.",
        check=tags_stay,
    ),
    Rule(
        id="CNAI-GKE-027",
        title="A GKE cluster evaluates images before it runs them",
        severity=Severity.LOW,
        scope=Scope.CLOUD,
        types=(CLUSTER,),
        frameworks=cis("5.1.4 only trusted container images"),
        rationale="It holds for pods that admission does not see, and while admission is down.",
        remedy="Set binaryAuthorization.evaluationMode to PROJECT_SINGLETON_POLICY_ENFORCE.",
        check=binaries_are_authorized,
        mandatory=False,
    ),
    Rule(
        id="CNAI-GKE-028",
        title="A GKE cluster with teams has nodes with a sandbox for code that nobody reviewed",
        severity=Severity.LOW,
        scope=Scope.CLOUD,
        types=(CLUSTER, POOL),
        frameworks=cis("5.10.3 GKE Sandbox for untrusted workloads"),
        rationale="Namespaces share a kernel: a hole in it opens all of them to one notebook.",
        remedy="Add a NodePool with sandboxConfig.sandboxType gvisor.",
        relation=sandbox_for_teams,
        mandatory=False,
    ),
)
