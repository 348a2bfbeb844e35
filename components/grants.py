"""Quota that teams are granted out of the platform's own queue, kept where it is used.

The platform's ClusterQueue says in annotations what the cluster can give in all and what each team
was granted; its own quota is the rest. Each stack writes its own grant alone, under the optimistic
lock of the API server: two that fork at once see each other, and the base stack is not touched.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pulumi import Input, ResourceOptions, dynamic

from components.labels import DOMAIN
from components.quantities import amount
from components.quotas import Amounts, percent, remainder, total, written
from tools.errors import Problem, ProblemError

Manifest = dict[str, Any]
API = "kueue.x-k8s.io/v1beta2"
KIND = "ClusterQueue"
PLATFORM = "platform"
"""Name of the platform's own ClusterQueue, and of the cohort that teams' queues are in with it."""
CAPACITY = f"{DOMAIN}/capacity"
GRANTS = f"{DOMAIN}/grants"
CONFLICT, GONE = 409, 404
TRIES = 50


def groups(
    amounts: Amounts, *, borrowing: int | None = None, lending: int | None = None
) -> list[Manifest]:
    """Return amounts as the resource groups of a ClusterQueue; pools are its flavors.

    ``borrowing`` and ``lending`` limit both in percent of the amounts.
    """
    limits = {
        key: percent(amounts, said)
        for key, said in (("borrowingLimit", borrowing), ("lendingLimit", lending))
        if said is not None
    }
    flavors = [
        {
            "name": pool,
            "resources": [
                {
                    "name": name,
                    "nominalQuota": quantity,
                    **{key: of[pool][name] for key, of in limits.items()},
                }
                for name, quantity in resources.items()
            ],
        }
        for pool, resources in amounts.items()
    ]
    return [{"coveredResources": list(next(iter(amounts.values()), {})), "flavors": flavors}]


def granted(queue: Mapping[str, Any]) -> dict[str, Amounts]:
    """Return what each team was granted, as the platform's queue says it."""
    return dict(json.loads(queue["metadata"].get("annotations", {}).get(GRANTS, "{}")))


def settled(whole: Amounts, grants: Mapping[str, Amounts]) -> Manifest:
    """Return what the platform's queue says when these grants hold.

    Raises ProblemError (CNAI-TEAM-003) when they are more than the cluster can give.
    """
    # Accelerators first: cores and memory come with them, and are not what was asked for.
    for name in sorted(next(iter(whole.values()), {}), key=lambda n: n in {"cpu", "memory"}):
        for pool, resources in whole.items():
            asked = [amount(grant.get(pool, {}).get(name, "0")) for grant in grants.values()]
            if sum(asked, Decimal(0)) > amount(resources[name]):
                raise ProblemError(_too_much(pool, name, resources[name], grants))
    return {
        "metadata": {
            "annotations": {
                CAPACITY: json.dumps(whole, sort_keys=True),
                GRANTS: json.dumps(grants, sort_keys=True),
            }
        },
        "spec": {"resourceGroups": groups(remainder(whole, grants.values()))},
    }


def _too_much(pool: str, name: str, has: str, grants: Mapping[str, Amounts]) -> Problem:
    held = ", ".join(f"{t} {g[pool].get(name, '0')}" for t, g in grants.items() if pool in g)
    return Problem(
        "CNAI-TEAM-003",
        f"pool `{pool}` cannot give that much {name}",
        f"it has {has}, and teams are granted: {held}",
        "ask for less, take some from another team, or give the pool more nodes",
        exit_code=2,
    )


def left(queue: Mapping[str, Any], resource: str) -> str:
    """Return how much of a resource no team was granted yet."""
    return written(resource, total(resource, remainder(capacity(queue), granted(queue).values())))


def capacity(queue: Mapping[str, Any]) -> Amounts:
    """Return what the cluster can give in all; nothing before the base has said it."""
    return dict(json.loads(queue["metadata"].get("annotations", {}).get(CAPACITY, "{}")))


def enlarge(kubeconfig: str, whole: Amounts) -> None:
    """Say what the cluster can give in all; grants stay. Raises as :func:`write` does."""
    _change(kubeconfig, lambda queue: settled(whole, granted(queue)))


def write(kubeconfig: str, team: str, amounts: Amounts | None) -> None:
    """Grant a team so much and no more; None takes the grant back.

    Raises ProblemError (CNAI-TEAM-003) when the cluster cannot give it, CNAI-TEAM-004 when there is
    no queue to take it from.
    """

    def changed(queue: Mapping[str, Any]) -> Manifest:
        grants = {n: g for n, g in granted(queue).items() if n != team}
        return settled(capacity(queue), grants if amounts is None else {**grants, team: amounts})

    _change(kubeconfig, changed, gone_is_well=amounts is None)


def _change(
    kubeconfig: str,
    changed: Callable[[Mapping[str, Any]], Manifest],
    *,
    gone_is_well: bool = False,
) -> None:
    from components.api_server import ApiServer, RefusedError  # noqa: PLC0415

    server = ApiServer(kubeconfig)
    for _ in range(TRIES):
        try:
            queue = server.find(API, KIND, PLATFORM)
        except RefusedError as error:
            if error.status == GONE and gone_is_well:
                return
            raise ProblemError(_no_queue(str(error))) from None
        change = changed(queue)
        change["metadata"]["resourceVersion"] = queue["metadata"]["resourceVersion"]
        try:
            server.patch(f"/apis/{API}/clusterqueues/{PLATFORM}", change)
        except RefusedError as error:
            if error.status != CONFLICT:
                raise
            time.sleep(0.1)
        else:
            return
    raise ProblemError(_no_queue("it was changed by others all the time"))


def _seen(kubeconfig: str) -> Mapping[str, Any]:
    """Return the platform's queue; one that says nothing where there is none."""
    from components.api_server import ApiServer, RefusedError  # noqa: PLC0415

    try:
        return ApiServer(kubeconfig).find(API, KIND, PLATFORM)
    except RefusedError as error:
        if error.status == GONE:
            return {"metadata": {}}
        raise


def _no_queue(why: str) -> Problem:
    return Problem(
        "CNAI-TEAM-004",
        f"the queue `{PLATFORM}` of the base cannot be changed",
        why,
        "bring the base stack up, then this one",
        exit_code=4,
    )


class _Whole(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        enlarge(props["kubeconfig"], json.loads(props["amounts"]))
        return dynamic.CreateResult(PLATFORM, props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        return _differ(olds, news)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        enlarge(news["kubeconfig"], json.loads(news["amounts"]))
        return dynamic.UpdateResult(news)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        said = capacity(_seen(props["kubeconfig"])) == json.loads(props["amounts"])
        return dynamic.ReadResult(id_, props) if said else dynamic.ReadResult("", {})


def _differ(olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
    changed = [n for n in ("amounts", "generation") if olds.get(n) != news.get(n)]
    return dynamic.DiffResult(changes=bool(changed))


class Capacity(dynamic.Resource, module="cnai", name="Capacity"):
    """What the platform's queue has where no team was granted anything."""

    def __init__(
        self,
        name: str,
        *,
        amounts: Amounts,
        kubeconfig: Input[str],
        generation: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Say what the cluster can give in all."""
        props: dict[str, Input[Any]] = {
            "amounts": json.dumps(amounts),
            "kubeconfig": kubeconfig,
            "generation": generation,
        }
        super().__init__(_Whole(), name, props, opts)


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        write(props["kubeconfig"], props["team"], json.loads(props["amounts"]))
        return dynamic.CreateResult(props["team"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        return _differ(olds, news)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        write(news["kubeconfig"], news["team"], json.loads(news["amounts"]))
        return dynamic.UpdateResult(news)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        held = granted(_seen(props["kubeconfig"])).get(props["team"])
        same = held == json.loads(props["amounts"])
        return dynamic.ReadResult(id_, props) if same else dynamic.ReadResult("", {})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        write(props["kubeconfig"], props["team"], None)


class Grant(dynamic.Resource, module="cnai", name="Grant"):
    """What one team is guaranteed; taken from the platform's queue, and given back at the end."""

    def __init__(
        self,
        team: str,
        *,
        amounts: Amounts,
        kubeconfig: Input[str],
        generation: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Grant the team so much."""
        props: dict[str, Input[Any]] = {
            "team": team,
            "amounts": json.dumps(amounts),
            "kubeconfig": kubeconfig,
            "generation": generation,
        }
        super().__init__(_Provider(), team, props, opts)
