"""client.customization: the classic jobs, and the two back ends of the newer tutorials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .backends import AsyncBackendJobs, BackendJobs
from .jobs import AsyncJobs, Jobs

if TYPE_CHECKING:
    from nemo_platform import AsyncNeMoPlatform, NeMoPlatform


class Backend:
    """One back end, such as `client.customization.automodel`. Its jobs are all it has."""

    def __init__(self, client: NeMoPlatform, name: str) -> None:
        self.jobs = BackendJobs(client, name)


class AsyncBackend:
    """As Backend, for the asynchronous client."""

    def __init__(self, client: AsyncNeMoPlatform, name: str) -> None:
        self.jobs = AsyncBackendJobs(client, name)


class Customization:
    """`client.customization`. The client makes it once, at its first use."""

    def __init__(self, client: NeMoPlatform) -> None:
        self.jobs = Jobs(client)
        self.automodel = Backend(client, "automodel")
        self.unsloth = Backend(client, "unsloth")


class AsyncCustomization:
    """`client.customization` of the asynchronous client."""

    def __init__(self, client: AsyncNeMoPlatform) -> None:
        self.jobs = AsyncJobs(client)
        self.automodel = AsyncBackend(client, "automodel")
        self.unsloth = AsyncBackend(client, "unsloth")
