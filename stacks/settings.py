"""The one schema of what a stack may say, and how the stacks that it extends are laid under it.

A stack file (``stacks/Pulumi.<stack>.yaml``) holds keys of the namespace ``cnai``; each is a field
of :class:`Settings`. Errors name the key, the value, what is allowed and the nearest match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from components.addon import Addon
from components.clusters.shapes import SHAPES
from stacks.parts import Day, Name, Part, Port, Quantity
from stacks.profiles import PROFILES
from stacks.signature_settings import SignatureSettings
from stacks.team_settings import TeamSettings
from tools.errors import Problem, ProblemError
from tools.supply import Mode

Tier = Literal["kind"]
MOST_NODES = 5000
"""Nodes of a Kubernetes cluster at the most (the scalability limit that the project states)."""


def _one_of(value: str, known: list[str], what: str) -> str:
    if value not in known:
        near = get_close_matches(value, known, n=1, cutoff=0.3)
        hint = f"; the nearest is {near[0]}" if near else ""
        raise ValueError(f"is no {what}{hint}; known are: {', '.join(known)}")
    return value


class QueueSettings(Part):
    """What the queue may admit on the cluster's own nodes, as Kubernetes quantities."""

    cpu: Quantity = "2"
    memory: Quantity = "4Gi"


class PoolSettings(Part):
    """Nodes shaped like an instance type; on kind they are simulated."""

    name: Name
    shape: str
    count: int = Field(ge=1, le=MOST_NODES)

    @field_validator("shape")
    @classmethod
    def _known(cls, shape: str) -> str:
        return _one_of(shape, sorted(SHAPES), "known shape")


class WaiverSettings(Part):
    """A failure that is borne, by whom, why, and until which day (policies/waivers.py)."""

    rule: str
    resource: str
    owner: str
    reason: str
    ticket: str
    expires: Day


class Settings(Part):
    """Everything that a stack may say.

    ``supply`` says where programs, charts and images come from; ``workers`` is the number of nodes
    beside the control plane; ``ports`` maps the name of an endpoint to a port of 127.0.0.1;
    ``teams`` are namespaces with a queue; ``addons`` switches an addon off (``false``) or on
    (``true``, or its own settings). ``prices`` are USD for an hour of a node, by pool or
    shape, before those of the table. ``team`` is whom the stack is for, where it is for one.
    ``production`` asks for the rules that only matter where something is at stake, ``registries``
    are the beginnings of names that images may have (all, when none is given); ``signatures`` say
    who has to have signed what.
    """

    tier: Tier = "kind"
    extends: Name | None = None
    supply: Mode = Mode.AUTO
    profile: str = "laptop"
    workers: int = Field(default=2, ge=1, le=9)
    ports: dict[str, Port] = Field(default={"mlflow": 5050})
    pools: tuple[PoolSettings, ...] = ()
    queue: QueueSettings = QueueSettings()
    teams: tuple[Name, ...] = ("ml-default",)
    addons: dict[str, bool | dict[str, Any]] = Field(default={})
    prices: dict[str, Annotated[float, Field(ge=0)]] = Field(default={})
    team: TeamSettings | None = None
    production: bool = False
    registries: tuple[str, ...] = ()
    signatures: tuple[SignatureSettings, ...] = ()
    waivers: tuple[WaiverSettings, ...] = ()

    @field_validator("profile")
    @classmethod
    def _profile(cls, profile: str) -> str:
        return _one_of(profile, list(PROFILES), "profile")

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        names = [pool.name for pool in self.pools]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"pools: two are called {', '.join(sorted(twice))}")
        if "workers" in names:
            raise ValueError("pools: `workers` is the name of the pool of the cluster's own nodes")
        priced = [*SHAPES, *names, "workers"]
        for name in self.prices:
            _one_of(name, priced, "pool or shape that could have a price")
        if (nodes := self.workers + 1 + sum(pool.count for pool in self.pools)) > MOST_NODES:
            raise ValueError(f"pools: {nodes} nodes in all, at the most {MOST_NODES}")
        ports = list(self.ports.values())
        if len(set(ports)) < len(ports):
            raise ValueError("ports: two endpoints share a port")
        return self

    def wanted(self) -> list[str]:
        """Return the names of the addons that the profile and the switches ask for.

        A name of the profile that ends in ``?`` is meant where the addon can be had.
        """
        off = {name for name, said in self.addons.items() if said is False}
        on = [name for name, said in self.addons.items() if said is not False]
        every = dict.fromkeys((*PROFILES[self.profile], *on))
        return [name for name in every if name.removesuffix("?") not in off]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``over`` on ``base``: mappings key by key, everything else is replaced. Associative."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def inherited(
    stack: str, said: Mapping[str, Any], read: Callable[[str], Mapping[str, Any] | None]
) -> dict[str, Any]:
    """Lay a stack's own values on those of the stacks that it extends.

    ``read`` gives the values of another stack, or None. Raises ProblemError (CNAI-CONFIG-002) for a
    stack that is not there, CNAI-CONFIG-003 for a circle.
    """
    values: dict[str, Any] = {}
    for _, layer in reversed(_layers(stack, said, read)):
        values = merge(values, layer)
    return values


def origins(
    stack: str, said: Mapping[str, Any], read: Callable[[str], Mapping[str, Any] | None]
) -> dict[str, str]:
    """Return, for each setting, the nearest stack that says it, or ``default``. Pure."""
    layers = _layers(stack, said, read)
    return {
        key: next((name for name, layer in layers if key in layer), "default")
        for key in Settings.model_fields
    }


def _layers(
    stack: str, said: Mapping[str, Any], read: Callable[[str], Mapping[str, Any] | None]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return a stack and those that it extends, the nearest first."""
    layers = [(stack, said)]
    while parent := layers[-1][1].get("extends"):
        chain = [name for name, _ in layers]
        if parent in chain:
            raise ProblemError(_circle([*chain, parent]))
        found = read(parent)
        if found is None:
            raise ProblemError(_no_parent(chain[-1], parent))
        layers.append((parent, found))
    return layers


def load(values: Mapping[str, Any]) -> Settings:
    """Check the values of a stack. Raises ProblemError with one problem for each wrong key."""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ProblemError(*[_problem(dict(e), Settings) for e in error.errors()]) from None


def addon_settings(addon: Addon, settings: Settings) -> Any:
    """Return the checked settings of one addon."""
    said = settings.addons.get(addon.name)
    try:
        return addon.settings(**(said if isinstance(said, dict) else {}))
    except ValidationError as error:
        at = ("addons", addon.name)
        raise ProblemError(
            *[_problem(dict(e), addon.settings, at) for e in error.errors()]
        ) from None


def _problem(error: dict[str, Any], model: type[BaseModel], at: tuple[str, ...] = ()) -> Problem:
    path = (*at, *(str(part) for part in error["loc"]))
    key = "cnai:" + ".".join(path) if path else "the settings"
    fix = "write one of the allowed values"
    if error["type"] == "extra_forbidden":
        known = _fields(model, error["loc"][:-1])
        near = get_close_matches(path[-1], known, n=1)
        what, why = f"{key} is not a key", f"known are: {', '.join(known)}"
        fix = f"write `{near[0]}` instead of `{path[-1]}`" if near else "take the key out"
    else:
        said = repr(error.get("input"))
        # A message goes into logs, and a private key that was said by mistake into none.
        shown = "a secret" if "PRIVATE KEY" in said else said
        what = f"{key} cannot be {shown}" if path else f"{key} do not fit together"
        why = str(error["msg"]).removeprefix("Value error, ")
    return Problem("CNAI-CONFIG-001", what, why, fix, exit_code=2)


def _fields(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys of the part that a path leads to; positions in lists do not count."""
    for part in loc:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [annotation, *get_args(annotation)]
        models = [a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)]
        if models:
            model = models[0]
    return list(model.model_fields)


def _circle(chain: list[str]) -> Problem:
    return Problem(
        "CNAI-CONFIG-003",
        "stacks extend each other in a circle",
        " → ".join(chain),
        f"take `cnai:extends` out of stacks/Pulumi.{chain[-2]}.yaml",
        exit_code=2,
    )


def _no_parent(stack: str, parent: str) -> Problem:
    return Problem(
        "CNAI-CONFIG-002",
        f"stack `{stack}` extends `{parent}`, which is not there",
        f"there is no stacks/Pulumi.{parent}.yaml",
        "name a stack that has a file in stacks/",
        exit_code=2,
    )
