"""A stack that is a team's place on the cluster of its base."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.password import Password
from components.steps import Ground
from components.tenancy import Tenancy
from stacks.compose import chosen, contexts, facts_of
from stacks.settings import Settings
from stacks.teams import team_of
from tools import supply


class Tenant:
    """A team on a cluster that another stack has; ``outputs`` is what the stack exports."""

    def __init__(self, settings: Settings) -> None:
        """Describe the team's place to the engine."""
        base = settings.extends
        assert base is not None
        reference = pulumi.StackReference(f"organization/{pulumi.get_project()}/{base}")
        # Secret there, secret here: it is encrypted again with this stack's own key.
        kubeconfig: pulumi.Output[str] = pulumi.Output.secret(
            reference.require_output("kubeconfig")
        )
        generation: pulumi.Output[str] = reference.require_output("generation")
        provider = k8s.Provider(
            "cluster",
            kubeconfig=kubeconfig,
            # On a cluster that was made again nothing of the team is left: all of it is made anew.
            cluster_identifier=generation,
            enable_server_side_apply=True,
        )
        facts = facts_of(base, settings)
        addons = chosen(settings, supply.resolve(settings.supply))
        team = team_of(settings, facts, addons)
        passwords: dict[str, Password] = {}

        def secret(name: str) -> pulumi.Output[str]:
            if name not in passwords:
                passwords[name] = Password(name)
            return passwords[name].value

        seen = contexts(facts, settings, addons, secret)
        Tenancy(
            team,
            [(addon, seen[addon.name]) for addon in addons],
            ground=Ground(provider=provider, kubeconfig=kubeconfig, generation=generation),
        )
        self.outputs: dict[str, Any] = {
            "team": team.name,
            "namespace": team.namespace,
            "base": base,
            "quota": team.quota,
        }
