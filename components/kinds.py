"""The kinds (CustomResourceDefinitions) of one addon, as one resource.

Kinds are large: as objects of their own those of the laptop's addons made up nearly all of the
stack's state, which is written after every step. Here the state holds their names and a hash; the
text lies in the cache under that hash, where every run of the program puts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pulumi import Input, ResourceOptions, dynamic

from tools.paths import cache


def keep(files: Sequence[Path]) -> str:
    """Put the text of the files into the cache and return the hash that it lies under."""
    text = b"\n---\n".join(path.read_bytes() for path in files)
    digest = hashlib.sha256(text).hexdigest()[:32]
    place = _place(digest)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        half = place.with_suffix(f".{digest[:8]}.part")
        half.write_bytes(text)
        half.replace(place)
    return digest


def _place(digest: str) -> Path:
    return cache() / "kinds" / f"{digest}.yaml"


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(props["digest"], {**props, "names": self._apply(props)})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        changed = [n for n in ("digest", "generation") if olds.get(n) != news.get(n)]
        return dynamic.DiffResult(changes=bool(changed))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        from components import kind_applier  # noqa: PLC0415

        names = self._apply(news)
        if olds.get("generation") == news.get("generation"):
            kind_applier.remove(news["kubeconfig"], set(olds.get("names") or []) - set(names))
        return dynamic.UpdateResult({**news, "names": names})

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        from components import kind_applier  # noqa: PLC0415

        there = kind_applier.present(props["kubeconfig"], props["names"])
        return dynamic.ReadResult(id_, props) if there else dynamic.ReadResult("", {})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        from components import kind_applier  # noqa: PLC0415

        kind_applier.remove(props["kubeconfig"], set(props["names"]))

    @staticmethod
    def _apply(props: dict[str, Any]) -> list[str]:
        # The client of Kubernetes takes a second to import; only a change pays for it.
        from components import kind_applier  # noqa: PLC0415

        return kind_applier.apply(props["kubeconfig"], _place(props["digest"]))


class Kinds(dynamic.Resource, module="cnai", name="Kinds"):
    """Kinds that are served from the moment the resource is there; they go when it goes."""

    def __init__(
        self,
        name: str,
        *,
        files: Sequence[Path],
        kubeconfig: Input[str],
        generation: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Serve the kinds that the files define."""
        props: dict[str, Input[Any]] = {
            "digest": keep(files),
            "kubeconfig": kubeconfig,
            "generation": generation,
            "names": None,
        }
        super().__init__(_Provider(), name, props, opts)
