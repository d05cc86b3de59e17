"""client.customization.jobs: the classic fine-tuning jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from nemo_platform import NoneType, Omit, Timeout, not_given, omit
from nemo_platform.pagination import AsyncDefaultPagination, AsyncLogsPagination, SyncDefaultPagination, SyncLogsPagination
from nemo_platform.types.shared.platform_job_log import PlatformJobLog
from nemo_platform.types.shared.platform_job_status_response import PlatformJobStatusResponse

from . import wire
from .models import CustomizationJob

if TYPE_CHECKING:
    from nemo_platform import AsyncNeMoPlatform, NeMoPlatform
    from nemo_platform._base_client import AsyncPaginator

    from .types import CustomizationJobInputParam

# The four last arguments of every method are the client's own: extra_headers, extra_query, extra_body, timeout.


class Jobs:
    """Creates, watches and ends jobs. Errors are the client's: ConflictError, NotFoundError, UnprocessableEntityError …"""

    _backend = ""

    def __init__(self, client: NeMoPlatform) -> None:
        self._client = client

    def _path(self, workspace: str | None, name: str | None = None, rest: str = "") -> str:
        path = wire.jobs_path(self._client, workspace, self._backend)
        return path if name is None else f"{path}/{wire.segment(name, 'name')}{rest}"

    def create(
        self,
        *,
        spec: CustomizationJobInputParam | Mapping[str, Any],
        workspace: str | None = None,
        name: str | None | Omit = omit,
        description: str | None | Omit = omit,
        project: str | None | Omit = omit,
        ownership: Mapping[str, Any] | None | Omit = omit,
        custom_fields: Mapping[str, Any] | None | Omit = omit,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> CustomizationJob:
        """Starts a job. `spec` says what to train on what; without a `name` the server makes one.

        The answer's `spec.output` already has the final name of the adapter or model that will come of it.
        """
        return self._client.post(
            self._path(workspace),
            cast_to=CustomizationJob,
            body=_creation(spec, name, description, project, ownership, custom_fields),
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    def retrieve(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> CustomizationJob:
        """One job with its resolved spec, and its steps so far."""
        return self._client.get(
            self._path(workspace, name),
            cast_to=CustomizationJob,
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int | Omit = omit,
        page_size: int | Omit = omit,
        sort: str | Omit = omit,
        filter: Mapping[str, Any] | Omit = omit,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
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
            options=wire.options(query, extra_headers, extra_query, extra_body, timeout),
        )

    def get_status(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> PlatformJobStatusResponse:
        """How far a job is: its steps, their tasks, and in a training task's status_details step, loss and the rest."""
        return self._client.get(
            self._path(workspace, name, "/status"),
            cast_to=PlatformJobStatusResponse,
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    def get_logs(
        self,
        name: str,
        *,
        workspace: str | None = None,
        limit: int | Omit = omit,
        page_cursor: str | Omit = omit,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> SyncLogsPagination[PlatformJobLog]:
        """What the job's processes have written, line by line. Iterating over the answer goes through all pages of `limit` lines."""
        query = wire.given(limit=limit, page_cursor=page_cursor)
        return self._client.get_api_list(
            self._path(workspace, name, "/logs"),
            model=PlatformJobLog,
            page=SyncLogsPagination[PlatformJobLog],
            options=wire.options(query, extra_headers, extra_query, extra_body, timeout),
        )

    def cancel(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> CustomizationJob:
        """Ends a job early. One that has ended already is answered as it is."""
        return self._client.post(
            self._path(workspace, name, "/cancel"),
            cast_to=CustomizationJob,
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    def delete(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> None:
        """Removes a job with its logs. The adapter or model that it made stays."""
        return self._client.delete(
            self._path(workspace, name),
            cast_to=NoneType,
            options=wire.options(None, {"Accept": "*/*", **(extra_headers or {})}, extra_query, extra_body, timeout),
        )


class AsyncJobs:
    """As Jobs, for the asynchronous client."""

    _backend = ""

    def __init__(self, client: AsyncNeMoPlatform) -> None:
        self._client = client

    def _path(self, workspace: str | None, name: str | None = None, rest: str = "") -> str:
        path = wire.jobs_path(self._client, workspace, self._backend)
        return path if name is None else f"{path}/{wire.segment(name, 'name')}{rest}"

    async def create(
        self,
        *,
        spec: CustomizationJobInputParam | Mapping[str, Any],
        workspace: str | None = None,
        name: str | None | Omit = omit,
        description: str | None | Omit = omit,
        project: str | None | Omit = omit,
        ownership: Mapping[str, Any] | None | Omit = omit,
        custom_fields: Mapping[str, Any] | None | Omit = omit,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> CustomizationJob:
        """As Jobs.create."""
        return await self._client.post(
            self._path(workspace),
            cast_to=CustomizationJob,
            body=_creation(spec, name, description, project, ownership, custom_fields),
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    async def retrieve(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> CustomizationJob:
        """As Jobs.retrieve."""
        return await self._client.get(
            self._path(workspace, name),
            cast_to=CustomizationJob,
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int | Omit = omit,
        page_size: int | Omit = omit,
        sort: str | Omit = omit,
        filter: Mapping[str, Any] | Omit = omit,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> AsyncPaginator[CustomizationJob, AsyncDefaultPagination[CustomizationJob]]:
        """As Jobs.list: `await` it for one page, or go through all with `async for`."""
        query = wire.given(page=page, page_size=page_size, sort=sort, filter=filter)
        return self._client.get_api_list(
            self._path(workspace),
            model=CustomizationJob,
            page=AsyncDefaultPagination[CustomizationJob],
            options=wire.options(query, extra_headers, extra_query, extra_body, timeout),
        )

    async def get_status(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> PlatformJobStatusResponse:
        """As Jobs.get_status."""
        return await self._client.get(
            self._path(workspace, name, "/status"),
            cast_to=PlatformJobStatusResponse,
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    def get_logs(
        self,
        name: str,
        *,
        workspace: str | None = None,
        limit: int | Omit = omit,
        page_cursor: str | Omit = omit,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> AsyncPaginator[PlatformJobLog, AsyncLogsPagination[PlatformJobLog]]:
        """As Jobs.get_logs: `await` it for one page, or go through all with `async for`."""
        query = wire.given(limit=limit, page_cursor=page_cursor)
        return self._client.get_api_list(
            self._path(workspace, name, "/logs"),
            model=PlatformJobLog,
            page=AsyncLogsPagination[PlatformJobLog],
            options=wire.options(query, extra_headers, extra_query, extra_body, timeout),
        )

    async def cancel(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> CustomizationJob:
        """As Jobs.cancel."""
        return await self._client.post(
            self._path(workspace, name, "/cancel"),
            cast_to=CustomizationJob,
            options=wire.options(None, extra_headers, extra_query, extra_body, timeout),
        )

    async def delete(
        self,
        name: str,
        *,
        workspace: str | None = None,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: float | Timeout | None | Any = not_given,
    ) -> None:
        """As Jobs.delete."""
        return await self._client.delete(
            self._path(workspace, name),
            cast_to=NoneType,
            options=wire.options(None, {"Accept": "*/*", **(extra_headers or {})}, extra_query, extra_body, timeout),
        )


def _creation(spec: Any, name: Any, description: Any, project: Any, ownership: Any, custom_fields: Any) -> dict[str, Any]:
    """The body of a creation. A name of None is the same as none."""
    members = wire.given(name=name, description=description, project=project, ownership=ownership, custom_fields=custom_fields)
    if members.get("name", "") is None:
        del members["name"]
    return {**{key: wire.plain(value) for key, value in members.items()}, "spec": wire.plain(spec)}
