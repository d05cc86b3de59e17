"""From Python arguments to requests: paths, bodies, options. Shared by the synchronous and the asynchronous resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nemo_platform import RequestOptions, Timeout, not_given, omit


def segment(value: str, what: str) -> str:
    """One path segment. What could leave its place in the path is refused here, before it is sent."""
    if not isinstance(value, str) or value in ("", ".", ".."):
        raise ValueError(f"{what} must be a name, but is {value!r}")
    return quote(value, safe="!$&'()*+,;=:@")


def workspace_of(client: Any, workspace: str | None) -> str:
    chosen = client.workspace if workspace is None else workspace
    if chosen is None:
        raise ValueError("no workspace: give workspace=... to this call or to the client")
    return segment(chosen, "workspace")


def jobs_path(client: Any, workspace: str | None, backend: str = "") -> str:
    middle = f"/{backend}" if backend else ""
    return f"/apis/customization/v2/workspaces/{workspace_of(client, workspace)}{middle}/jobs"


def given(**members: Any) -> dict[str, Any]:
    """Only the members that the caller has given: what is omitted is not sent, None is sent as null."""
    return {name: value for name, value in members.items() if value is not omit and value is not not_given}


def plain(value: Any) -> Any:
    """A spec as JSON has it. Pydantic models are accepted beside dictionaries, at any depth."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items() if member is not omit}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return value


def options(
    query: Mapping[str, Any] | None = None,
    extra_headers: Any = None,
    extra_query: Any = None,
    extra_body: Any = None,
    timeout: float | Timeout | None | Any = not_given,
) -> RequestOptions:
    """The client's options for one request, from the four arguments that each of its methods has."""
    made: dict[str, Any] = {}
    if extra_headers is not None:
        made["headers"] = extra_headers
    params = {**(query or {}), **(extra_query or {})}
    if params:
        made["params"] = params
    if extra_body is not None:
        made["extra_json"] = extra_body
    if timeout is not not_given:
        made["timeout"] = timeout
    return made  # type: ignore[return-value]
