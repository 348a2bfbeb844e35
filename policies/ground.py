"""What rules are held against: resources, and what is to be known beside them. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from policies.plain import UNKNOWN

KUBERNETES = "kubernetes:"
NAMESPACE = "kubernetes:core/v1:Namespace"


@dataclass(frozen=True)
class Resource:
    """A resource of a program, of its recorded state, or of a cluster.

    ``type`` is Pulumi's token; an object of a cluster has the one of the Kubernetes provider, as in
    ``kubernetes:apps/v1:Deployment``. ``protect`` is None where that is not to be seen. Values that
    are not known yet are UNKNOWN (policies/plain.py). ``id`` is what the provider calls it: the one
    of a VPC, for instance; None where that is not known.
    """

    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool | None = None
    id: str | None = None

    @property
    def kind(self) -> str:
        """Return the last part of the type: its kind."""
        return self.type.rpartition(":")[2]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Return the metadata of an object; empty where there is none that is known."""
        found = self.props.get("metadata")
        return found if isinstance(found, Mapping) else {}

    @property
    def namespace(self) -> str | None:
        """Return the namespace that an object is in, or that it is."""
        said = self.metadata.get("name" if self.type == NAMESPACE else "namespace")
        return said if isinstance(said, str) else None

    def label(self, name: str) -> Any:
        """Return a label: a text, None, or UNKNOWN."""
        return _entry(self.metadata, "labels", name)

    def annotation(self, name: str) -> Any:
        """Return an annotation: a text, None, or UNKNOWN."""
        return _entry(self.metadata, "annotations", name)


def _entry(metadata: Mapping[str, Any], part: str, name: str) -> Any:
    entries = metadata.get(part)
    if entries is UNKNOWN:
        return UNKNOWN
    found = entries.get(name) if isinstance(entries, Mapping) else None
    return found if found is UNKNOWN or isinstance(found, str) else None


@dataclass(frozen=True, kw_only=True)
class Signers:
    """Who has to have signed images, and models, whose names begin as one of ``images``.

    A beginning is of the name with its registry; with a ``*`` at its end it may stop within a word.
    Enough is one of ``keys`` (public, as PEM), or, without keys, a certificate that ``issuer`` gave
    to ``subject``, where a ``*`` stands for any text. ``secrets`` of Kyverno's namespace have what
    logs in at the registries; ``plain_http`` lets them have no certificate.
    """

    images: tuple[str, ...]
    keys: tuple[str, ...] = ()
    issuer: str = ""
    subject: str = ""
    secrets: tuple[str, ...] = ()
    plain_http: bool = False


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What of an environment rules go by.

    ``tenants`` are the namespaces of teams. ``registries`` are the beginnings of names that images
    may have; with none given all are allowed. ``queues`` are the LocalQueues of namespaces where
    they are known; ``queued`` says whether there are queues at all. ``production`` asks for what
    only matters where something is at stake. ``platform`` are users and groups who may change what
    holds for all, beside the administrators whom every cluster has: those of a cloud, and the
    service accounts of operators. ``signers`` say what has to be signed by whom; what none of them
    names need not be.
    """

    tenants: frozenset[str] = frozenset()
    registries: tuple[str, ...] = ()
    queues: Mapping[str, frozenset[str]] = field(default_factory=dict)
    queued: bool = True
    production: bool = False
    platform: tuple[str, ...] = ()
    signers: tuple[Signers, ...] = ()

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        queues = {namespace: sorted(names) for namespace, names in self.queues.items()}
        return {**asdict(self), "tenants": sorted(self.tenants), "queues": queues}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Ground:
        """Return what :meth:`told` wrote; what is missing is as if nothing was known."""
        return cls(
            tenants=frozenset(told.get("tenants", ())),
            registries=tuple(told.get("registries", ())),
            queues={n: frozenset(q) for n, q in dict(told.get("queues", {})).items()},
            queued=bool(told.get("queued", True)),
            production=bool(told.get("production", False)),
            platform=tuple(told.get("platform", ())),
            signers=tuple(_signers(said) for said in told.get("signers", ())),
        )


def _signers(said: Mapping[str, Any]) -> Signers:
    """Return what was told of signers; JSON has lists for tuples."""
    known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    return Signers(**known)
