"""Sections 1.1 to 1.10 and D.2 of the contract: paths, headers, errors, pages, health."""

import re
import json

import pytest
from nemo_platform import ConflictError, NeMoPlatform, NotFoundError, UnprocessableEntityError
from support import Api, Paths, page_is_whole, problems, says, unique, upload


def test_an_encoded_slash_in_the_tail_is_part_of_the_path(api, ws):
    upload(api, ws, "f1", {"d%2Fa.txt": b"one"})
    assert api.get(f"{ws.filesets}/f1/-/d%2Fa.txt").content == api.get(f"{ws.filesets}/f1/-/d/a.txt").content == b"one"


def test_a_space_and_letters_of_other_alphabets_are_decoded_as_utf8(api, ws):
    upload(api, ws, "f1", {"with%20space/%C3%A9t%C3%A9.txt": b"two"})
    assert [row["path"] for row in api.rows(f"{ws.filesets}/f1/files")] == ["with space/été.txt"]


def test_the_route_is_found_before_anything_is_decoded(api, ws):
    api.get(f"{ws.models}/a%2Fadapters", 404)


@pytest.mark.parametrize("bad", ["%zz", "%2", "%00", "%ff"])
def test_a_broken_percent_sequence_is_refused(api, ws, bad):
    upload(api, ws, "f1", {})
    assert api.get(f"{ws.filesets}/f1/-/{bad}", None).status_code in (400, 404, 422)


def test_delete_and_bodyless_post_may_say_that_they_are_json(api, ws, default):
    header = {"content-type": "application/json"}
    api.post(ws.projects, {"name": "p1"})
    api.delete(f"{ws.projects}/p1", 200, headers=header)
    says(api.post(f"{ws.jobs}/nobody/cancel", None, 404, headers=header), "not found")


def test_an_arbitrary_bearer_token_is_ignored_while_authentication_is_off(base_url, ws):
    for token in ("not-needed", "x.y.z", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."):
        Api(base_url, authorization=f"Bearer {token}").get(ws.models)


def test_discovery_says_that_authentication_is_off(api):
    answer = api.get("/apis/auth/discovery").json()
    assert answer["auth_enabled"] is False and answer["oidc"] is None


def test_a_principal_may_be_named_while_authentication_is_off(base_url, ws):
    Api(base_url, **{"x-nmp-principal-id": "someone@example.org", "x-nmp-principal-groups": "a,b"}).get(ws.models)


def test_a_conflict_reaches_the_client_after_one_request(base_url, ws):
    requests = []
    import httpx

    http = httpx.Client(base_url=base_url, event_hooks={"request": [requests.append]})
    client = NeMoPlatform(base_url=base_url, workspace=ws.workspace, http_client=http)
    client.projects.create(name="p1")
    before = len(requests)
    with pytest.raises(ConflictError, match="already exists"):
        client.projects.create(name="p1")
    assert len(requests) == before + 1


def test_errors_arrive_as_the_clients_exceptions(ws_client):
    with pytest.raises(NotFoundError, match="not found"):
        ws_client.models.retrieve("nobody")
    with pytest.raises(UnprocessableEntityError):
        ws_client.projects.create(name="No Such Name!")


def test_a_single_object_has_its_nulls_and_a_list_row_leaves_them_out(api, ws):
    api.post(ws.projects, {"name": "p1"})
    one = api.get(f"{ws.projects}/p1").json()
    assert "description" in one and one["description"] is None
    row = api.rows(ws.projects)[0]
    assert None not in row.values() and "description" not in row


def test_timestamps_are_utc_without_a_zone_and_204_has_no_body(api, ws):
    made = api.post(ws.projects, {"name": "p1"}).json()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", made[time]) for time in ("created_at", "updated_at"))
    api.post(ws.secrets, {"name": "s1", "value": "v"})
    assert api.delete(f"{ws.secrets}/s1").content == b""


# ------------------------------------------------------------------------------------------------ errors


def test_a_missing_member_is_a_list_of_problems(api, ws):
    kind, loc, message = problems(api.post(ws.projects, {}, 422))[0]
    assert (kind, loc, message) == ("missing", ("body", "name"), "Field required")


def test_malformed_json_is_422_json_invalid(api, ws):
    answer = api.call("POST", ws.projects, 422, content=b'{"name": ', headers={"content-type": "application/json"})
    assert problems(answer)[0][0] == "json_invalid" and problems(answer)[0][1][0] == "body"


def test_a_wrong_type_is_named_with_its_place(api, ws):
    kind, loc, _ = problems(api.post(ws.projects, {"name": 5}, 422))[0]
    assert kind == "string_type" and loc == ("body", "name")


def test_a_body_that_is_no_object_is_422(api, ws):
    for body in ([], "text", 5):
        api.post(ws.projects, body, 422)


def test_an_error_names_kind_workspace_and_name(api, ws):
    says(api.get(f"{ws.models}/nobody", 404), "not found", "nobody", ws.workspace)


def test_an_unknown_route_is_404_and_a_wrong_method_405_with_allow(api, ws):
    assert "detail" in api.get("/apis/nothing/v2/here", 404).json()
    answer = api.call("PATCH", "/health/live", 405)
    assert "GET" in answer.headers["allow"]


def test_creating_in_a_missing_workspace_is_422_and_reading_there_404(api):
    nowhere = Paths(unique("nowhere"))
    says(api.post(nowhere.projects, {"name": "p1"}, 422), "does not exist")
    says(api.post(nowhere.secrets, {"name": "s1", "value": "v"}, 422), "does not exist")
    says(api.post(nowhere.models, {"name": "m1"}, 422), "does not exist")
    says(api.post(nowhere.filesets, {"name": "f1"}, 422), "does not exist")
    for path in (
        nowhere.projects,
        nowhere.models,
        nowhere.filesets,
        nowhere.jobs,
        nowhere.secrets,
        nowhere.deployments,
        nowhere.customization,
    ):
        says(api.get(path, 404), "not found")


def test_a_project_that_does_not_exist_is_422(api, ws):
    says(api.post(ws.models, {"name": "m1", "project": "nobody"}, 422), "does not exist", "nobody")


def test_deep_json_and_duplicate_members_do_no_harm(api, ws):
    deep = b'{"name": "p1", "description": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert api.call("POST", ws.projects, content=deep, headers={"content-type": "application/json"}).status_code in (400, 413, 422)
    api.get("/health/live")


# ------------------------------------------------------------------------------------------------ pages


@pytest.fixture
def fifteen(api, ws):
    for number in range(15):
        api.post(ws.projects, {"name": f"p{number:02}"})
    return ws.projects


def test_fifteen_rows_in_pages_of_five_are_three_pages(api, fifteen):
    seen = []
    for page in (1, 2, 3):
        answer = api.get(fifteen, params={"page": page, "page_size": 5}).json()
        page_is_whole(answer)
        assert answer["pagination"] == {"page": page, "page_size": 5, "current_page_size": 5, "total_pages": 3, "total_results": 15}
        seen += [row["name"] for row in answer["data"]]
    assert len(seen) == len(set(seen)) == 15


def test_a_page_past_the_end_is_empty_and_keeps_the_totals(api, fifteen):
    answer = api.get(fifteen, params={"page": 9, "page_size": 5}).json()
    assert answer["data"] == [] and answer["pagination"] == {
        "page": 9,
        "page_size": 5,
        "current_page_size": 0,
        "total_pages": 3,
        "total_results": 15,
    }


def test_the_clients_iterator_sees_each_row_once(base_url, ws, fifteen):
    client = NeMoPlatform(base_url=base_url, workspace=ws.workspace)
    assert sorted(project.name for project in client.projects.list(page_size=4)) == [f"p{number:02}" for number in range(15)]


def test_an_empty_list_is_a_whole_page(api, ws):
    for path in (ws.projects, ws.models, ws.jobs, ws.filesets, ws.deployments, ws.secrets):
        answer = api.get(path).json()
        page_is_whole(answer)
        assert answer["data"] == [] and answer["pagination"]["total_results"] == 0


@pytest.mark.parametrize("query", [{"page": 0}, {"page": -1}, {"page_size": 0}, {"page_size": -5}])
def test_page_numbers_below_one_are_422(api, ws, query):
    for path in (ws.projects, ws.filesets, ws.models, ws.jobs, ws.secrets, ws.customization):
        kind, loc, _ = problems(api.get(path, 422, params=query))[0]
        assert kind in ("greater_than", "greater_than_equal") and loc == ("query", next(iter(query))), path


def test_page_sizes_above_a_lists_limit_are_422(api, ws):
    for path, limit in ((ws.filesets, 100), (ws.projects, 1000), (f"{ws.entities}/thing", 1000), ("/apis/entities/v2/workspaces", 1000)):
        assert problems(api.get(path, 422, params={"page_size": limit + 1}))[0][0] == "less_than_equal", path
        api.get(path, params={"page_size": limit})


def test_a_page_that_is_no_number_is_422(api, ws):
    assert problems(api.get(ws.projects, 422, params={"page": "x"}))[0][0] == "int_parsing"


def test_an_unknown_sort_is_422(api, ws):
    for path in (ws.projects, ws.filesets, ws.models, ws.jobs, ws.customization):
        assert problems(api.get(path, 422, params={"sort": "colour"}))[0][:2] == ("enum", ("query", "sort")), path


def test_sort_is_honoured_in_both_directions_and_echoed(api, fifteen):
    assert api.names(fifteen, sort="name") == sorted(api.names(fifteen))
    assert api.names(fifteen, sort="-name") == sorted(api.names(fifteen), reverse=True)
    assert api.get(fifteen, params={"sort": "-name"}).json()["sort"] == "-name"


def test_the_default_page_size_is_the_lists_own(api, ws):
    for path, size in (
        (ws.projects, 100),
        (ws.filesets, 10),
        (ws.models, 100),
        (ws.jobs, 10),
        (ws.secrets, 10),
        (ws.customization, 10),
        (ws.adapters, 100),
        (ws.configs, 100),
        (ws.deployments, 100),
        (ws.providers, 100),
        (ws.virtual_models, 20),
    ):
        assert api.get(path).json()["pagination"]["page_size"] == size, path


# ------------------------------------------------------------------------------------------------ meta


def test_the_health_routes_answer_as_probes_expect(api):
    assert api.get("/health/live").json() == {"status": "live"}
    assert api.get("/health/ready").json() == {"status": "ready"}


def test_status_is_healthy_and_names_services_and_controllers(api):
    answer = api.get("/status").json()
    assert answer["status"] == "healthy" and "files" in answer["services"]["ready"] and answer["services"]["not_ready"] == []
    assert answer["controllers"]["healthy"] is True


def test_cluster_info_has_version_and_revision(api):
    answer = api.get("/cluster-info").json()
    assert answer["platform_version"] and isinstance(answer["revision"], str)


def test_the_root_says_ok_or_leads_to_the_studio(api):
    answer = api.call("GET", "/", (200, 301))
    assert answer.status_code == 301 or answer.text.strip('"\n ') == "OK"


def test_metrics_are_prometheus_text(api):
    answer = api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain") and "# TYPE" in answer.text


def test_the_openapi_document_lists_the_customization_routes(api):
    document = api.get("/openapi.json").json()
    jobs = "/apis/customization/v2/workspaces/{workspace}/jobs"
    assert {"post", "get"} <= set(document["paths"][jobs]) and {"get", "delete"} <= set(document["paths"][jobs + "/{name}"])
    schemas = document["components"]["schemas"]
    assert "spec" in schemas["CustomizationJobRequest"]["properties"] and "CustomizationJob" in schemas


def test_other_origins_may_call(api):
    answer = api.get("/health/live", headers={"origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] in ("*", "https://example.org")
    preflight = api.call(
        "OPTIONS",
        "/apis/entities/v2/workspaces",
        (200, 204),
        headers={"origin": "https://example.org", "access-control-request-method": "POST"},
    )
    assert "access-control-allow-methods" in preflight.headers


def test_a_head_request_has_the_headers_of_a_get(api, ws):
    upload(api, ws, "f1", {"a.txt": b"12345"})
    head, get = api.head(f"{ws.filesets}/f1/-/a.txt"), api.get(f"{ws.filesets}/f1/-/a.txt")
    for header in ("content-type", "content-length", "accept-ranges"):
        assert head.headers[header] == get.headers[header]
    assert head.content == b""


def test_a_dash_as_workspace_lists_all_of_them(api, ws):
    other = Paths(unique("ws"))
    api.post("/apis/entities/v2/workspaces", {"name": other.workspace})
    name = unique("m")
    for paths in (ws, other):
        api.post(paths.models, {"name": name})
    rows = api.rows(Paths("-").models, filter={"name": {"$eq": name}})
    assert sorted(row["workspace"] for row in rows) == sorted([ws.workspace, other.workspace])
    for path in (Paths("-").jobs, Paths("-").deployments, Paths("-").configs, Paths("-").providers):
        page_is_whole(api.get(path).json())
    api.delete(f"/apis/entities/v2/workspaces/{other.workspace}", 200)


def test_many_requests_go_over_one_connection(api):
    for _ in range(50):
        json.loads(api.get("/health/live").text)
