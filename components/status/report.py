"""The schema of `cnai status -o json`: ``cnai.dev/status/v1``. Fields are added, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from components.facts import Device

Health = Literal["ready", "outdated", "not ready", "not deployed", "absent", "left over"]
WELL: frozenset[Health] = frozenset(("ready", "outdated", "left over"))
"""Words of health that stop nobody."""


class Part(BaseModel):
    """Common to all parts of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Claim(Part):
    """What an addon claims when it is ready; ``held`` is null for one that was not looked at."""

    claim: str
    held: bool | None
    evidence: str


class Deployed(Part):
    """Pods that the workloads of an addon want, and those of them that are there and ready."""

    want: int
    have: int


class AddonStatus(Part):
    """One addon. ``want`` is the version of the settings, ``have`` the one that was installed.

    ``ready`` says that all pods are there and every claim was seen to hold. ``since`` is when the
    addon became what ``health`` says, where the cluster tells it.
    """

    name: str
    title: str
    namespace: str
    want: str | None
    have: str | None
    deployed: Deployed
    ready: bool
    health: Health
    reason: str | None
    since: datetime | None
    urls: dict[str, str]
    claims: list[Claim]


class FlavorUse(Part):
    """Quota and use of one resource in one flavor, as Kubernetes quantities.

    ``reserved`` has quota set aside, ``used`` belongs to what was admitted.
    """

    flavor: str
    resource: str
    quota: str | None
    reserved: str
    used: str


class QueueStatus(Part):
    """One queue of Kueue, and how many workloads wait, hold quota, and are admitted."""

    kind: Literal["ClusterQueue", "LocalQueue"]
    name: str
    namespace: str | None
    cluster_queue: str
    active: bool
    reason: str | None
    pending: int
    reserving: int
    admitted: int
    flavors: list[FlavorUse]


class Degraded(Part):
    """A node or device that is not what it should be, and why."""

    name: str
    reasons: list[str]


class Accelerator(Part):
    """An extended resource of the nodes of a pool; ``free`` is what no pod has asked for."""

    resource: str
    total: int
    free: int


class PoolStatus(Part):
    """Nodes of one pool; ``want`` is null for a pool that the settings do not name."""

    name: str
    device: Device
    want: int | None
    nodes: int
    ready: int
    accelerators: list[Accelerator]
    degraded: list[Degraded]


class DeviceStatus(Part):
    """Devices that one driver offers for dynamic resource allocation on the nodes of a pool."""

    driver: str
    pool: str
    device: Device
    total: int
    allocated: int
    degraded: list[Degraded]


class ProblemRecord(Part):
    """An error as a record, as every command tells it."""

    id: str
    what: str
    why: str
    fix: str
    exit_code: int
    more: str


class Status(Part):
    """A platform at one moment; ``problems`` is empty when all that is wanted is ready."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["cnai.dev/status/v1"] = Field("cnai.dev/status/v1", alias="schema")
    stack: str
    cluster: str
    at: datetime
    addons: list[AddonStatus] = []
    queues: list[QueueStatus] = []
    pools: list[PoolStatus] = []
    devices: list[DeviceStatus] = []
    problems: list[ProblemRecord] = []

    @property
    def degraded(self) -> list[Degraded]:
        """Nodes and devices that are not what they should be."""
        rows: list[PoolStatus | DeviceStatus] = [*self.pools, *self.devices]
        return [part for row in rows for part in row.degraded]

    def json_text(self, *, indent: int | None = None) -> str:
        """Return the report as JSON, by the names of the schema."""
        return self.model_dump_json(by_alias=True, indent=indent)
