"""Events of the Pulumi engine → what a person wants to see of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GATE = "cnai:Ready"
CLUSTER = "cnai:KindCluster"
IMAGE = "cnai:NodeImage"
QUIET = {"same", "read", "refresh"}


@dataclass
class Progress:
    """What the engine said so far.

    ``feed`` returns the lines that an event is worth, in plain words; ``changes`` counts resources
    by operation once the run has ended; ``errors`` holds the messages of what failed.
    """

    changes: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    started: dict[str, float] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Number of resources that were not left as they were."""
        return sum(n for op, n in self.changes.items() if op not in QUIET)

    @property
    def resources(self) -> int:
        """Number of resources that the stack has now."""
        return sum(n for op, n in self.changes.items() if not op.startswith("delete"))

    def feed(self, event: Mapping[str, Any]) -> list[str]:
        """Take one event of the engine's log."""
        if "resourcePreEvent" in event:
            self._begin(event)
        elif "resOutputsEvent" in event:
            return self._end(event)
        elif "diagnosticEvent" in event:
            self._told(event["diagnosticEvent"])
        elif "policyEvent" in event:
            self._violation(event["policyEvent"])
        elif "summaryEvent" in event:
            self.changes = dict(event["summaryEvent"].get("resourceChanges") or {})
        return []

    def _begin(self, event: Mapping[str, Any]) -> None:
        metadata = event["resourcePreEvent"]["metadata"]
        if metadata["op"] not in QUIET:
            self.started[metadata["urn"]] = float(event["timestamp"])

    def _end(self, event: Mapping[str, Any]) -> list[str]:
        metadata = event["resOutputsEvent"]["metadata"]
        began = self.started.pop(metadata["urn"], None)
        if began is None or metadata["op"].startswith(("delete", "replace")):
            return []
        name, took = metadata["urn"].rsplit("::", 1)[1], float(event["timestamp"]) - began
        kind = metadata["type"].removeprefix("pulumi-python:dynamic/")
        if kind == CLUSTER:
            return [f"cluster made ({took:.0f} s)"]
        if kind == IMAGE:
            return [f"image {name} is in all nodes ({took:.0f} s)"]
        if kind == GATE:
            return self._gate(name, metadata, took)
        return []

    @staticmethod
    def _gate(name: str, metadata: Mapping[str, Any], took: float) -> list[str]:
        addon, gate = name.rsplit("/", 1)
        outputs = (metadata.get("new") or {}).get("outputs") or {}
        evidence = outputs.get("evidence")
        word = "works" if gate == "proof" else "answers"
        lines = [f"{addon} {word} ({took:.0f} s)"]
        if gate == "proof" and isinstance(evidence, str):
            lines += [f"    {claim}: {seen}" for claim, seen in json.loads(evidence).items()]
        return lines

    def _told(self, diagnostic: Mapping[str, Any]) -> None:
        if diagnostic.get("severity") == "error":
            text = str(diagnostic.get("message", "")).strip()
            if text and text not in self.errors:
                self.errors.append(text)

    def _violation(self, policy: Mapping[str, Any]) -> None:
        if policy.get("enforcementLevel") == "mandatory":
            about = policy.get("resourceUrn", "").rsplit("::", 1)[-1]
            self.violations.append(f"{about}: {str(policy.get('message')).strip()}")
