"""client.models.update_adapter and create_adapter, by the names and arguments that the tutorials use.

Both only forward to client.models.adapters, which every release has; the requests on the wire are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nemo_platform.types.models.adapter import Adapter


def update_adapter(self: Any, model_name: str, *, adapter_name: str, workspace: str | None = None, **changes: Any) -> Adapter:
    """Changes an adapter of a model: `enabled` (False takes it out of inference, its files stay), `description`, `fileset`.

    Members that are not given keep their values. Answers the adapter as it is now.
    """
    return self.adapters.update(adapter_name, workspace=workspace, model_name=model_name, **changes)


def create_adapter(
    self: Any, model_name: str, *, name: str, fileset: str, finetuning_type: Any, workspace: str | None = None, **more: Any
) -> Adapter:
    """Registers adapter weights that are in a fileset (`workspace/name`, in PEFT's format) under a base model.

    `more` may be `enabled` (True if absent), `description` and `lora_config`. Answers the new adapter.
    """
    return self.adapters.create(model_name, workspace=workspace, name=name, fileset=fileset, finetuning_type=finetuning_type, **more)


async def async_update_adapter(self: Any, model_name: str, *, adapter_name: str, workspace: str | None = None, **changes: Any) -> Adapter:
    """As update_adapter, for the asynchronous client."""
    return await self.adapters.update(adapter_name, workspace=workspace, model_name=model_name, **changes)


async def async_create_adapter(
    self: Any, model_name: str, *, name: str, fileset: str, finetuning_type: Any, workspace: str | None = None, **more: Any
) -> Adapter:
    """As create_adapter, for the asynchronous client."""
    return await self.adapters.create(model_name, workspace=workspace, name=name, fileset=fileset, finetuning_type=finetuning_type, **more)


def add_methods(module: Any) -> None:
    """Adds the methods to the client's two classes of models. A release that has its own keeps them."""
    for resource, update, create in (
        ("ModelsResource", update_adapter, create_adapter),
        ("AsyncModelsResource", async_update_adapter, async_create_adapter),
    ):
        kind = getattr(module, resource, None)
        if kind is None:
            continue
        for name, method in (("update_adapter", update), ("create_adapter", create)):
            if not hasattr(kind, name):
                setattr(kind, name, method)
