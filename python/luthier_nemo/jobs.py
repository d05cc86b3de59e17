"""client.customization.jobs: the classic fine-tuning jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from nemo_platform import NoneType, Omit, omit
from nemo_platform.pagination import AsyncDefaultPagination, AsyncLogsPagination, SyncDefaultPagination, SyncLogsPagination
from nemo_platform.types.shared.platform_job_log import PlatformJobLog
from nemo_platform.types.shared.platform_job_status_response import PlatformJobStatusResponse

from . import wire
from .models import CustomizationJob

if TYPE_CHECKING:
    from nemo_platform import AsyncNeMoPlatform, NeMoPlatform
    from nemo_platform._base_client import AsyncPaginator
    from typing_extensions import Unpack

    from .types import CustomizationJobInputParam

# Every method also takes the client's own extra_headers, extra_query, extra_body and timeout.


class Jobs(wire.Resource["NeMoPlatform"]):
    """Creates, watches and ends jobs. Errors are the client's: ConflictError, NotFoundError, UnprocessableEntityError …"""

    def create(
        self,
        *,
        spec: CustomizationJobInputParam | Mapping[str, Any],
        workspace: str | None = None,
        name: str | None | Omit = omit,
        **told: Unpack[wire.Creation],
    ) -> CustomizationJob:
        """Starts a job. `spec` says what to train on what; without a `name` the server makes one.

        The answer's `spec.output` already has the final name of the adapter or model that will come of it.
        """
        body, options = wire.creation(spec, name, told)
        return self._client.post(self._path(workspace), cast_to=CustomizationJob, body=body, options=options)

    def retrieve(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> CustomizationJob:
        """One job with its resolved spec, and its steps so far."""
        return self._client.get(self._path(workspace, name), cast_to=CustomizationJob, options=wire.options(**how))

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int | Omit = omit,
        page_size: int | Omit = omit,
        sort: str | Omit = omit,
        filter: Mapping[str, Any] | Omit = omit,
        **how: Unpack[wire.Call],
    ) -> SyncDefaultPagination[CustomizationJob]:
        """The jobs of a workspace, the newest first. Iterating over the answer goes through all pages.

        `sort` is created_at or updated_at, with a minus in front for the reverse order. `filter` may have name,
        project, status, created_at and updated_at.
        """
        query = wire.given(page=page, page_size=page_size, sort=sort, filter=filter)
        return self._client.get_api_list(
            self._path(workspace),
            model=CustomizationJob,
            page=SyncDefaultPagination[CustomizationJob],
            options=wire.options(query, **how),
        )

    def get_status(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> PlatformJobStatusResponse:
        """How far a job is: its steps, their tasks, and in a training task's status_details step, loss and the rest."""
        return self._client.get(self._path(workspace, name, "/status"), cast_to=PlatformJobStatusResponse, options=wire.options(**how))

    def get_logs(
        self,
        name: str,
        *,
        workspace: str | None = None,
        limit: int | Omit = omit,
        page_cursor: str | Omit = omit,
        **how: Unpack[wire.Call],
    ) -> SyncLogsPagination[PlatformJobLog]:
        """What the job's processes have written, line by line. Iterating over the answer goes through all pages of `limit` lines."""
        query = wire.given(limit=limit, page_cursor=page_cursor)
        return self._client.get_api_list(
            self._path(workspace, name, "/logs"),
            model=PlatformJobLog,
            page=SyncLogsPagination[PlatformJobLog],
            options=wire.options(query, **how),
        )

    def cancel(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> CustomizationJob:
        """Ends a job early. One that has ended already is answered as it is."""
        return self._client.post(self._path(workspace, name, "/cancel"), cast_to=CustomizationJob, options=wire.options(**how))

    def delete(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> None:
        """Removes a job with its logs. The adapter or model that it made stays."""
        return self._client.delete(self._path(workspace, name), cast_to=NoneType, options=wire.options(None, "*/*", **how))


class AsyncJobs(wire.Resource["AsyncNeMoPlatform"]):
    """As Jobs, for the asynchronous client."""

    async def create(
        self,
        *,
        spec: CustomizationJobInputParam | Mapping[str, Any],
        workspace: str | None = None,
        name: str | None | Omit = omit,
        **told: Unpack[wire.Creation],
    ) -> CustomizationJob:
        """As Jobs.create."""
        body, options = wire.creation(spec, name, told)
        return await self._client.post(self._path(workspace), cast_to=CustomizationJob, body=body, options=options)

    async def retrieve(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> CustomizationJob:
        """As Jobs.retrieve."""
        return await self._client.get(self._path(workspace, name), cast_to=CustomizationJob, options=wire.options(**how))

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int | Omit = omit,
        page_size: int | Omit = omit,
        sort: str | Omit = omit,
        filter: Mapping[str, Any] | Omit = omit,
        **how: Unpack[wire.Call],
    ) -> AsyncPaginator[CustomizationJob, AsyncDefaultPagination[CustomizationJob]]:
        """As Jobs.list: `await` it for one page, or go through all with `async for`."""
        query = wire.given(page=page, page_size=page_size, sort=sort, filter=filter)
        return self._client.get_api_list(
            self._path(workspace),
            model=CustomizationJob,
            page=AsyncDefaultPagination[CustomizationJob],
            options=wire.options(query, **how),
        )

    async def get_status(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> PlatformJobStatusResponse:
        """As Jobs.get_status."""
        return await self._client.get(self._path(workspace, name, "/status"), cast_to=PlatformJobStatusResponse, options=wire.options(**how))

    def get_logs(
        self,
        name: str,
        *,
        workspace: str | None = None,
        limit: int | Omit = omit,
        page_cursor: str | Omit = omit,
        **how: Unpack[wire.Call],
    ) -> AsyncPaginator[PlatformJobLog, AsyncLogsPagination[PlatformJobLog]]:
        """As Jobs.get_logs: `await` it for one page, or go through all with `async for`."""
        query = wire.given(limit=limit, page_cursor=page_cursor)
        return self._client.get_api_list(
            self._path(workspace, name, "/logs"),
            model=PlatformJobLog,
            page=AsyncLogsPagination[PlatformJobLog],
            options=wire.options(query, **how),
        )

    async def cancel(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> CustomizationJob:
        """As Jobs.cancel."""
        return await self._client.post(self._path(workspace, name, "/cancel"), cast_to=CustomizationJob, options=wire.options(**how))

    async def delete(self, name: str, *, workspace: str | None = None, **how: Unpack[wire.Call]) -> None:
        """As Jobs.delete."""
        return await self._client.delete(self._path(workspace, name), cast_to=NoneType, options=wire.options(None, "*/*", **how))
