"""Where an addon's metrics are: said once by the addon, read by whatever collects them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TEAMS = "*"
"""As the namespace of a scrape: those of all teams."""


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """Pods of one namespace, found by their labels, that serve metrics in Prometheus' form.

    ``port`` is the number of the container's port. With ``secure`` they are asked over TLS, their
    certificate unchecked (controllers sign it themselves), by the collector's own account.

    ``cluster_wide`` is what one pod tells of the whole cluster: its series are not named after the
    pod, so that those of the next pod carry on from them. Were they, both sets would answer for
    five minutes after a restart of the collector, and every join over them would fail.
    """

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    port: int
    path: str = "/metrics"
    secure: bool = False
    cluster_wide: bool = False
