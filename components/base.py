"""The one parent class of our components."""

from __future__ import annotations

from typing import Any

import pulumi


class Component(pulumi.ComponentResource):
    """A component resource of type ``cnai:index:<Class>`` whose children know their parent."""

    def __init__(
        self,
        name: str,
        props: dict[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the component under the name of its class."""
        super().__init__(f"cnai:index:{type(self).__name__}", name, props or {}, opts)

    def child(self, **options: Any) -> pulumi.ResourceOptions:
        """Return the options of a child; the only maker of options below components/."""
        return pulumi.ResourceOptions(parent=self, **options)
