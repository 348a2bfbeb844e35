"""What a controller makes for itself while it runs, and leaves in the cluster when it goes.

A webhook without the server behind it refuses all that it matches. The resource stands before the
controller in the order of making, so after it in the order of taking away.
"""

from __future__ import annotations

from typing import Any

from pulumi import Input, ResourceOptions, dynamic

WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


class _Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(props["selector"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        changed = [n for n in ("selector", "generation") if olds.get(n) != news.get(n)]
        return dynamic.DiffResult(changes=bool(changed))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult(news)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        from kubernetes.dynamic import DynamicClient  # noqa: PLC0415  imports take a second

        from components import probe_runner  # noqa: PLC0415

        with probe_runner.api(props["kubeconfig"]) as connection:
            client = DynamicClient(connection)
            for kind in WEBHOOKS:
                client.resources.get(
                    api_version="admissionregistration.k8s.io/v1", kind=kind
                ).delete(label_selector=props["selector"])


class Leftovers(dynamic.Resource, module="cnai", name="Leftovers"):
    """Webhook configurations with the labels of ``selector`` go when the resource goes."""

    def __init__(
        self,
        name: str,
        *,
        selector: str,
        kubeconfig: Input[str],
        generation: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Remember what to take away; ``selector`` is a label selector of Kubernetes."""
        props: dict[str, Input[Any]] = {
            "selector": selector,
            "kubeconfig": kubeconfig,
            "generation": generation,
        }
        super().__init__(_Provider(), name, props, opts)
