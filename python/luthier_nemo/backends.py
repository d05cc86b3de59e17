"""client.customization.automodel.jobs and .unsloth.jobs: the jobs of one back end.

They have the methods of the classic jobs, on the back end's own routes. Two things differ, as they do in the newest
tutorials: creation answers a handle on the job, and a status comes from the job's own route and is checked strictly.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Mapping

from nemo_platform_plugin.jobs.schemas import PlatformJobStatusResponse as StrictStatus

from . import wire
from .jobs import AsyncJobs, Jobs
from .models import CustomizationJob, JobRecord, JobSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

ENDED = ("completed", "error", "cancelled")


class _Handle:
    """One job of a back end: what its creation answered, and the calls that need no name any more."""

    def __init__(self, jobs: Any, workspace: str | None, answer: dict[str, Any]) -> None:
        self._jobs = jobs
        self._workspace = workspace
        self.job = JobRecord.construct(**answer)
        self._typed = CustomizationJob.construct(**answer)

    @property
    def name(self) -> str:
        return self.job.name

    @property
    def workspace(self) -> str | None:
        return self.job.workspace

    @property
    def status(self) -> str | None:
        """The status at creation. get_status() asks for the present one."""
        return self.job.status

    @property
    def spec(self) -> JobSpec:
        return self._typed.spec

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, workspace={self.workspace!r})"


class JobResource(_Handle):
    """A handle on a job, from create or get_job_resource."""

    def get_status(self) -> StrictStatus:
        return self._jobs.get_status(self.name, workspace=self._workspace)

    def get_logs(self, **arguments: Any) -> Any:
        return self._jobs.get_logs(self.name, workspace=self._workspace, **arguments)

    def cancel(self) -> CustomizationJob:
        return self._jobs.cancel(self.name, workspace=self._workspace)

    def delete(self) -> None:
        self._jobs.delete(self.name, workspace=self._workspace)

    def wait(self, *, timeout: float = 3600, poll_interval: float = 5) -> StrictStatus:
        """Waits until the job has ended, whether well or not, and answers its last status."""
        deadline = time.monotonic() + timeout
        while (status := self.get_status()).status not in ENDED:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"job {self.name} is still {status.status} after {timeout} s")
            time.sleep(poll_interval)
        return status


class AsyncJobResource(_Handle):
    """As JobResource, for the asynchronous client."""

    async def get_status(self) -> StrictStatus:
        return await self._jobs.get_status(self.name, workspace=self._workspace)

    def get_logs(self, **arguments: Any) -> Any:
        return self._jobs.get_logs(self.name, workspace=self._workspace, **arguments)

    async def cancel(self) -> CustomizationJob:
        return await self._jobs.cancel(self.name, workspace=self._workspace)

    async def delete(self) -> None:
        await self._jobs.delete(self.name, workspace=self._workspace)

    async def wait(self, *, timeout: float = 3600, poll_interval: float = 5) -> StrictStatus:
        """As JobResource.wait."""
        deadline = time.monotonic() + timeout
        while (status := await self.get_status()).status not in ENDED:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"job {self.name} is still {status.status} after {timeout} s")
            await asyncio.sleep(poll_interval)
        return status


class BackendJobs(Jobs):
    """The jobs of one back end."""

    def create(  # type: ignore[override]
        self,
        spec: Mapping[str, Any] | Any,
        workspace: str | None = None,
        name: str | None = None,
        **told: Unpack[wire.Creation],
    ) -> JobResource:
        """Starts a job. `spec` is a dictionary, or a pydantic model that is sent with all its defaults.

        The answer is a handle: its `spec.output.name` is the name of what the job makes, its get_status() asks how far it is.
        """
        body, options = wire.creation(spec, name, told)
        answer = self._client.post(self._path(workspace), cast_to=object, body=body, options=options)
        return JobResource(self, workspace, _object(answer, "a created job"))

    def get_job_resource(self, job_name: str, workspace: str | None = None) -> JobResource:
        """The handle of a job that is there already."""
        answer = self._client.get(self._path(workspace, job_name), cast_to=object)
        return JobResource(self, workspace, _object(answer, f"job {job_name}"))

    def get_status(  # type: ignore[override]
        self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]
    ) -> StrictStatus:
        """How far a job is. An answer that lacks a member raises pydantic's ValidationError."""
        answer = self._client.get(self._path(workspace, name), cast_to=object, options=wire.options(**how))
        return StrictStatus.model_validate(answer)

    def plugin_status(self, workspace: str | None = None) -> dict[str, Any]:
        """Whether the server has this back end, in the server's words."""
        return _object(self._client.get(_health(self._client, workspace, self._backend), cast_to=object), f"the health of {self._backend}")


class AsyncBackendJobs(AsyncJobs):
    """As BackendJobs, for the asynchronous client."""

    async def create(  # type: ignore[override]
        self,
        spec: Mapping[str, Any] | Any,
        workspace: str | None = None,
        name: str | None = None,
        **told: Unpack[wire.Creation],
    ) -> AsyncJobResource:
        """As BackendJobs.create."""
        body, options = wire.creation(spec, name, told)
        answer = await self._client.post(self._path(workspace), cast_to=object, body=body, options=options)
        return AsyncJobResource(self, workspace, _object(answer, "a created job"))

    async def get_job_resource(self, job_name: str, workspace: str | None = None) -> AsyncJobResource:
        """As BackendJobs.get_job_resource."""
        answer = await self._client.get(self._path(workspace, job_name), cast_to=object)
        return AsyncJobResource(self, workspace, _object(answer, f"job {job_name}"))

    async def get_status(  # type: ignore[override]
        self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]
    ) -> StrictStatus:
        """As BackendJobs.get_status."""
        answer = await self._client.get(self._path(workspace, name), cast_to=object, options=wire.options(**how))
        return StrictStatus.model_validate(answer)

    async def plugin_status(self, workspace: str | None = None) -> dict[str, Any]:
        """As BackendJobs.plugin_status."""
        answer = await self._client.get(_health(self._client, workspace, self._backend), cast_to=object)
        return _object(answer, f"the health of {self._backend}")


def _health(client: Any, workspace: str | None, backend: str) -> str:
    return f"/apis/customization/v2/workspaces/{wire.workspace_of(client, workspace)}/{backend}/healthz"


def _object(answer: object, what: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise TypeError(f"the server's answer for {what} is no JSON object")
    return answer
