"""From Python arguments to requests: paths, bodies, options. Shared by the synchronous and the asynchronous resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

from nemo_platform import NotGiven, Omit, RequestOptions, Timeout, not_given, omit

if TYPE_CHECKING:
    from typing_extensions import Unpack

Client = TypeVar("Client")


class Call(TypedDict, total=False):
    """What every method of the client may be told about its request, by keyword."""

    extra_headers: Mapping[str, str | Omit] | None
    extra_query: Mapping[str, object] | None
    extra_body: object | None
    timeout: float | Timeout | None | NotGiven


class Creation(Call, total=False):
    """What else the creation of a job may be told. Members that are not given are not sent."""

    description: str | None | Omit
    project: str | None | Omit
    ownership: Mapping[str, Any] | None | Omit
    custom_fields: Mapping[str, Any] | None | Omit


class Resource(Generic[Client]):
    """Jobs of one form or back end, reached by a client."""

    def __init__(self, client: Client, backend: str = "") -> None:
        self._client = client
        self._backend = backend

    def _path(self, workspace: str | None, name: str | None = None, rest: str = "") -> str:
        path = jobs_path(self._client, workspace, self._backend)
        return path if name is None else f"{path}/{segment(name, 'name')}{rest}"


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


def refuse_unknown(told: Mapping[str, Any], known: type) -> None:
    """As Python does it for arguments that are named one by one."""
    if unknown := sorted(set(told) - set(known.__annotations__)):
        raise TypeError(f"unexpected keyword argument {', '.join(unknown)}; what a job is to know belongs into its spec")


def options(query: Mapping[str, Any] | None = None, accept: str | None = None, /, **how: Unpack[Call]) -> RequestOptions:
    """The client's options for one request."""
    refuse_unknown(how, Call)
    made: dict[str, Any] = {}
    headers = {**({"Accept": accept} if accept else {}), **(how.get("extra_headers") or {})}
    if headers:
        made["headers"] = headers
    params = {**(query or {}), **(how.get("extra_query") or {})}
    if params:
        made["params"] = params
    if how.get("extra_body") is not None:
        made["extra_json"] = how["extra_body"]
    if how.get("timeout", not_given) is not not_given:
        made["timeout"] = how["timeout"]
    return made  # type: ignore[return-value]


def creation(spec: Any, name: str | None | Omit, told: Mapping[str, Any]) -> tuple[dict[str, Any], RequestOptions]:
    """The body of a creation and the options of its request. A name of None is the same as none."""
    refuse_unknown(told, Creation)
    how = {key: told[key] for key in told if key in Call.__annotations__}
    members = given(**{key: told[key] for key in told if key not in how})
    named = {} if name is None or isinstance(name, Omit) else {"name": name}
    body = {**named, **{key: plain(value) for key, value in members.items()}, "spec": plain(spec)}
    return body, options(**how)
