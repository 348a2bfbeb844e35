"""What a stack may say of the team that it is for."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from stacks.parts import Day, Name, Part, Quantity


class Mode(Enum):
    """How a team is kept apart: on the base's cluster, or by a cluster of its own."""

    TENANT = "tenant"
    STACK = "stack"


class TeamQuota(Part):
    """What a team is guaranteed, as Kubernetes quantities; ``accelerators`` maps resources.

    With an accelerator come the cores and the memory around it; ``cpu`` and ``memory`` are what it
    has besides, on nodes without. ``borrowing`` is how much it may borrow and ``lending`` how much
    it lends of what it does not use, in percent of what it is guaranteed: without them all that
    idles. ``weight`` is its part of what several want to borrow.
    """

    cpu: Quantity = "0"
    memory: Quantity = "0"
    accelerators: dict[str, Annotated[int, Field(ge=0)]] = Field(default={})
    borrowing: Annotated[int, Field(ge=0)] | None = None
    lending: Annotated[int, Field(ge=0, le=100)] | None = None
    weight: Annotated[int, Field(ge=1)] = 1

    def asked(self) -> dict[str, str]:
        """Return it by resource."""
        counts = {name: str(count) for name, count in self.accelerators.items()}
        return {"cpu": self.cpu, "memory": self.memory, **counts}


class Budget(Part):
    """What a team may spend in a calendar month; ``stops`` ends admission when it is spent."""

    amount: float = Field(gt=0)
    currency: Literal["USD"] = "USD"
    stops: bool = False


class TeamSettings(Part):
    """A team: its name, how it is kept apart, what it gets, who is in it and until when.

    ``members`` are users, or groups after ``group:``, as the cluster's authentication names them.
    ``expires`` is the last day on which it is wanted.
    """

    name: Name
    mode: Mode = Mode.TENANT
    quota: TeamQuota = TeamQuota()
    members: tuple[str, ...] = ()
    budget: Budget | None = None
    expires: Day | None = None
