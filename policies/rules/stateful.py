"""Rules on what would be lost: protection from deletion, and backups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from policies.catalog import Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at
from policies.verdict import PASS, Verdict

SET = "kubernetes:apps/v1:StatefulSet"
BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2", "gcp:storage/bucket:Bucket")
INSTANCE, CLUSTER = "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"
FILES, SQL = "aws:efs/fileSystem:FileSystem", "gcp:sql/databaseInstance:DatabaseInstance"
STORES = (*BUCKETS, INSTANCE, CLUSTER, FILES, SQL)
SWITCHES = {
    **dict.fromkeys(BUCKETS, ("versioning", "enabled")),
    SQL: ("settings", "backupConfiguration", "enabled"),
}
"""Where a store says whether it keeps copies."""
REPLICAS = ("masterInstanceName", "replicateSourceDb", "replicationSourceIdentifier")
VERSIONING = "aws:s3/bucketVersioning*:BucketVersioning*"
FILES_BACKUP = "aws:efs/backupPolicy:BackupPolicy"
SELECTION = "aws:backup/selection:Selection"


def protected(resource: Resource, ground: Ground) -> Verdict:
    """Fail, in production, for what holds data and may be deleted by the way."""
    if not ground.production or resource.protect:
        return PASS
    if resource.type == SET:
        claims = at(resource.props, "spec", "volumeClaimTemplates")
        if claims is UNKNOWN:
            return Verdict.of([], ["spec.volumeClaimTemplates is not known yet"])
        if not (isinstance(claims, list) and claims):
            return PASS
    if resource.protect is None:
        return Verdict.of([], [f"whether the {resource.kind} is protected is not to be seen"])
    return Verdict.fail(f"the {resource.kind} is not protected from deletion")


def backed_up(resources: Sequence[Resource], ground: Ground) -> Mapping[str, Verdict]:
    """Judge, in production, each store of a cloud by whether there are copies of what it held."""
    if not ground.production:
        return {}
    found = {}
    for store in resources:
        if store.type not in STORES:
            continue
        answers = [_own(store), *(_beside(store, other) for other in resources)]
        if True in answers:
            found[store.name] = PASS
        elif UNKNOWN in answers:
            doubt = f"whether there are backups of {store.name} is not known yet"
            found[store.name] = Verdict.of([], [doubt])
        else:
            found[store.name] = Verdict.fail(f"{store.name} has no backup and keeps no versions")
    return found


def _own(store: Resource) -> Any:
    """Say whether a store makes its own copies."""
    props = store.props
    # A replica has nothing that its source has not.
    if any(props.get(key) for key in REPLICAS):
        return True
    if store.type in SWITCHES:
        said = at(props, *SWITCHES[store.type])
        return UNKNOWN if said is UNKNOWN else said is True
    if store.type in (INSTANCE, CLUSTER):
        days = props.get("backupRetentionPeriod")
        if days is None:
            # A cluster keeps a day where nothing is said, an instance nothing.
            return store.type == CLUSTER
        return UNKNOWN if days is UNKNOWN else isinstance(days, int | float) and days > 0
    return False


def _beside(store: Resource, other: Resource) -> Any:
    """Say whether another resource is what keeps copies of a store."""
    if other.type == SELECTION:
        return _selected(store, other) if store.type.startswith("aws:") else False
    if fnmatchcase(other.type, VERSIONING) and store.type.startswith("aws:s3/"):
        on = at(other.props, "versioningConfiguration", "status")
        same = _same(other.props.get("bucket"), store, store.props.get("bucket"))
        return _both(UNKNOWN if on is UNKNOWN else on == "Enabled", same)
    if other.type == FILES_BACKUP and store.type == FILES:
        on = at(other.props, "backupPolicy", "status")
        same = _same(other.props.get("fileSystemId"), store)
        return _both(UNKNOWN if on is UNKNOWN else on == "ENABLED", same)
    return False


def _same(named: Any, store: Resource, *names: Any) -> Any:
    """Say whether a store is the one that is named: UNKNOWN where its name is not to be seen."""
    known = [name for name in (store.id, *names) if isinstance(name, str)]
    if isinstance(named, str) and known:
        return named in known
    return UNKNOWN


def _selected(store: Resource, selection: Resource) -> Any:
    """Say whether a plan of AWS Backup selects a store: by name, by tags, or with everything."""
    props = selection.props
    parts = {key: props.get(key) for key in ("resources", "selectionTags", "conditions")}
    if UNKNOWN in parts.values() or parts["conditions"] or props.get("notResources"):
        # Conditions and exceptions narrow what is selected: too much to be read here.
        return UNKNOWN
    if not any(parts.values()):
        return True
    arn = store.props.get("arn")
    answers = [_matches(arn, pattern) for pattern in _listed(parts["resources"])]
    answers += [_tagged(store, tag) for tag in _listed(parts["selectionTags"])]
    return True if True in answers else UNKNOWN if UNKNOWN in answers else False


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []


def _matches(arn: Any, pattern: Any) -> Any:
    if pattern == "*":
        return True
    if isinstance(arn, str) and isinstance(pattern, str):
        return fnmatchcase(arn, pattern)
    return UNKNOWN


def _tagged(store: Resource, wanted: Any) -> Any:
    tags = store.props.get("tags")
    if not isinstance(wanted, Mapping):
        return UNKNOWN if wanted is UNKNOWN else False
    key, value = wanted.get("key"), wanted.get("value")
    found = tags.get(key) if isinstance(tags, Mapping) and isinstance(key, str) else tags
    if UNKNOWN in (key, value, found):
        return UNKNOWN
    return isinstance(found, str) and found == value


def _both(one: Any, other: Any) -> Any:
    if False in (one, other):
        return False
    return UNKNOWN if UNKNOWN in (one, other) else True


RULES = (
    Rule(
        id="CNAI-DAT-001",
        title="In production, what holds data is protected from deletion",
        severity=Severity.HIGH,
        scope=Scope.PROGRAM,
        types=(
            "kubernetes:core/v1:PersistentVolumeClaim",
            *(SET, *STORES),
            *("aws:eks/cluster:Cluster", "gcp:container/cluster:Cluster"),
        ),
        frameworks=(Framework("AI supply chain", "1.0", "data and models outlive a mistake"),),
        rationale=(
            "A destroy, or a property that cannot be changed in place, deletes it; policies are not"
            " asked about deletion, so only the engine itself can refuse."
        ),
        remedy="Give the resource the option protect=True.",
        check=protected,
        live=False,
    ),
    Rule(
        id="CNAI-DAT-002",
        title="In production, there are backups or versions of what is stored",
        severity=Severity.LOW,
        scope=Scope.PROGRAM,
        types=(*STORES, VERSIONING, FILES_BACKUP, SELECTION),
        frameworks=(Framework("AI supply chain", "1.0", "data and models outlive a mistake"),),
        rationale="Protection does not help against what is overwritten, or a region that is gone.",
        remedy=(
            "Keep versions of buckets, set the days that a database's backups are kept, or select"
            " the store in a plan of AWS Backup."
        ),
        relation=backed_up,
        live=False,
        mandatory=False,
    ),
)
