"""Section 9 and D.7: the three routes of the inference gateway, how names select what is served, virtual models, the mock."""

import json

import pytest
from nemo_platform import NotFoundError
from support import MOCK_PREFIX, Api, page_is_whole, problems, says, unique, wait_until

CHAT = {"messages": [{"role": "user", "content": "What is one plus one?"}], "max_tokens": 4, "temperature": 0}


@pytest.fixture(scope="module")
def provider(default, trained):
    return f"{default.gateway}/provider/{trained.deployment}"


def chat(api, path, model, expected=200, **more):
    return api.post(f"{path}/-/v1/chat/completions", {"model": model, **CHAT, **more}, expected)


def complete(answer):
    body = answer.json()
    assert (
        body["object"] == "chat.completion"
        and body["choices"][0]["message"]["role"] == "assistant"
        and isinstance(body["choices"][0]["message"]["content"], str)
    )
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    return body


# ------------------------------------------------------------------------------------------------ routes


def test_the_provider_route_answers_for_the_base_model(api, provider, trained):
    complete(chat(api, provider, f"default/{trained.model}"))


@pytest.mark.parametrize(
    "form",
    [
        "default--{adapter}",
        "{adapter}",
        "default/default--{adapter}",
        "default/{model}&adapters/default/{adapter}",
        "{model}&adapters/default/{adapter}",
        "default/{adapter}",
    ],
)
def test_the_provider_route_knows_the_adapter_by_each_of_its_names(api, provider, trained, form):
    complete(chat(api, provider, form.format(adapter=trained.adapter, model=trained.model)))


def test_the_clients_encoded_tail_is_the_same_route(client, trained):
    answer = client.inference.gateway.provider.post(
        "v1/chat/completions", name=trained.deployment, workspace="default", body={"model": trained.served, **CHAT}
    )
    assert answer["choices"][0]["message"]["content"] is not None


def test_the_model_route_takes_its_model_from_the_path(api, default, trained):
    body = complete(
        wait_until(
            lambda: (
                answer if (answer := chat(api, f"{default.gateway}/model/{trained.model}", "whatever", None)).status_code == 200 else None
            ),
            30,
        )
    )
    assert body["model"] == f"default/{trained.model}"
    assert api.get(f"{default.gateway}/model/{trained.model}/-/v1/models").status_code == 200


def test_the_openai_route_takes_its_model_from_the_body(api, default, trained):
    for model in (f"default/{trained.model}", trained.model):
        assert complete(chat(api, f"{default.gateway}/openai", model))["model"] == f"default/{trained.model}"


def test_the_openai_route_serves_adapters_by_their_composite_name(api, default, trained):
    complete(chat(api, f"{default.gateway}/openai", f"default/{trained.model}&adapters/default/{trained.adapter}"))


def test_the_openai_route_lists_what_is_served(api, default, trained):
    composite = f"default/{trained.model}&adapters/default/{trained.adapter}"
    rows = wait_until(
        lambda: rows if composite in str(rows := api.rows(f"{default.gateway}/openai/-/v1/models")) else None, 30, what=composite
    )
    assert f"default/{trained.model}" in [row["id"] for row in rows] and all(
        row["object"] == "model" and "owned_by" in row and "created" in row for row in rows
    )
    for name in (f"default%2F{trained.model}", f"default/{trained.model}", trained.model):
        assert api.get(f"{default.gateway}/openai/-/v1/models/{name}").json()["id"] == f"default/{trained.model}"
    says(api.get(f"{default.gateway}/openai/-/v1/models/nobody", 404), "not found")


def test_served_models_are_listed_in_the_way_of_vllm(api, provider, trained):
    rows = {row["id"]: row for row in api.rows(f"{provider}/-/v1/models")}
    assert rows[f"default/{trained.model}"].get("parent") is None
    adapter = next(row for name, row in rows.items() if name.endswith(trained.served))
    assert adapter["parent"] == f"default/{trained.model}" and adapter["object"] == "model"


def test_ready_names_the_provider(api, provider, trained):
    answer = api.get(f"{provider}/ready").json()
    assert answer["ready"] is True and answer["provider"] == f"default/{trained.deployment}" and answer["host_url"]


def test_a_stream_is_an_event_stream_that_ends_with_done(api, provider, default, trained):
    for path, model in ((provider, trained.served), (f"{default.gateway}/openai", trained.model)):
        with api.http.stream("POST", f"{path}/-/v1/chat/completions", json={"model": model, **CHAT, "stream": True}) as answer:
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
            events = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]" and all(json.loads(event)["object"] == "chat.completion.chunk" for event in events[:-1])


def test_completions_are_answered_too(api, provider, trained):
    answer = api.post(f"{provider}/-/v1/completions", {"model": trained.served, "prompt": "One", "max_tokens": 3}, 200).json()
    assert answer["object"] == "text_completion" and isinstance(answer["choices"][0]["text"], str)


def test_unknown_members_of_a_request_are_ignored(api, provider, trained):
    complete(chat(api, provider, trained.served, colour="red", logit_bias=None, user="me"))


# ------------------------------------------------------------------------------------------------ errors


def test_unknown_names_are_404(api, default):
    says(api.get(f"{default.gateway}/provider/nobody/-/v1/models", 404), "not found")
    api.get(f"{default.gateway}/provider/nobody/ready", 404)
    chat(api, f"{default.gateway}/model/nobody", "x", 404)
    chat(api, f"{default.gateway}/openai", "nobody", 404)


def test_a_name_that_none_can_have_is_422(api, default):
    assert isinstance(chat(api, f"{default.gateway}/provider/Not--A-Name", "x", 422).json()["detail"], str)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"not json", b'"text"', b'{"model": 5}'])
def test_the_openai_route_without_a_model_is_400(api, default, body):
    api.call("POST", f"{default.gateway}/openai/-/v1/chat/completions", 400, content=body, headers={"content-type": "application/json"})


def test_an_adapter_that_is_unknown_to_the_engine_is_502_and_says_404(api, provider):
    answer = chat(api, provider, "default--nobody", 502)
    says(answer, "Backend returned 404")
    assert answer.headers.get("x-should-retry") == "false"


def test_a_provider_that_cannot_be_reached_is_502(api, ws):
    api.post(ws.providers, {"name": "p1", "host_url": "http://127.0.0.1:9"})
    api.put(
        f"{ws.providers}/p1/status",
        {"status": "READY", "served_models": [{"model_entity_id": f"{ws.workspace}/m1", "served_model_name": "m1"}]},
    )
    wait_until(lambda: chat(api, f"{ws.gateway}/provider/p1", "m1", None).status_code in (502, 404), 10)
    api.get(f"{ws.gateway}/provider/p1/-/v1/anything", (404, 502))


def test_a_provider_that_is_not_ready_is_not(api, ws):
    api.post(ws.providers, {"name": "p1", "host_url": "http://127.0.0.1:9"})
    api.get(f"{ws.gateway}/provider/p1/ready", 404)


# ------------------------------------------------------------------------------------------------ virtual models


def test_a_virtual_model_is_created_with_all_its_members(api, ws):
    made = api.post(ws.virtual_models, {"name": "v1"}).json()
    assert made["default_model_entity"] is None and made["autoprovisioned"] is False and made["override_proxy"] is None
    assert all(made[member] == [] for member in ("models", "request_middleware", "response_middleware", "post_response_middleware"))
    says(api.post(ws.virtual_models, {"name": "v1"}, 409), "already exists")
    assert problems(api.post(ws.virtual_models, {}, 422))[0][:2] == ("missing", ("body", "name"))


def test_patch_changes_present_members_and_null_clears(api, ws):
    api.post(ws.virtual_models, {"name": "v1", "default_model_entity": f"{ws.workspace}/m1"})
    assert api.patch(f"{ws.virtual_models}/v1", {"autoprovisioned": True}).json()["default_model_entity"] == f"{ws.workspace}/m1"
    after = api.patch(f"{ws.virtual_models}/v1", {"default_model_entity": None, "autoprovisioned": False}).json()
    assert after["default_model_entity"] is None and after["autoprovisioned"] is False
    says(api.patch(f"{ws.virtual_models}/nobody", {}, 404), "not found")


def test_an_unknown_plug_in_is_422_and_nothing_is_stored(api, ws):
    says(
        api.post(
            ws.virtual_models, {"name": "v1", "request_middleware": [{"name": "no-such-plugin", "config_type": "x", "config": {}}]}, 422
        ),
        "no-such-plugin",
    )
    api.get(f"{ws.virtual_models}/v1", 404)


def test_virtual_models_are_listed_and_deleted(ws_client, api, ws):
    for name in ("v1", "v2"):
        ws_client.inference.virtual_models.create(name=name)
    answer = api.get(ws.virtual_models, params={"sort": "created_at"}).json()
    page_is_whole(answer)
    assert [row["name"] for row in answer["data"]] == ["v1", "v2"] and answer["sort"] == "created_at"
    api.get(ws.virtual_models, 422, params={"page_size": 201})
    assert ws_client.inference.virtual_models.delete("v1") is None
    with pytest.raises(NotFoundError):
        ws_client.inference.virtual_models.retrieve("v1")


def test_a_virtual_model_can_stand_for_an_adapter(api, default, trained):
    name = unique("virtual")
    api.post(default.virtual_models, {"name": name, "default_model_entity": f"default/{trained.model}&adapters/default/{trained.adapter}"})
    for path, model in ((f"{default.gateway}/openai", f"default/{name}"), (f"{default.gateway}/model/{name}", "x")):
        complete(wait_until(lambda: answer if (answer := chat(api, path, model, None)).status_code == 200 else None, 10, what=path))
    api.delete(f"{default.virtual_models}/{name}")


# ------------------------------------------------------------------------------------------------ the mock


@pytest.mark.skipif(not MOCK_PREFIX, reason="the server was started without NMP_INFERENCE_GATEWAY_MOCK_PROVIDER_PREFIX")
class TestMock:
    ANSWER = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "one two three"}, "finish_reason": "stop"}],
    }

    def headers(self, answer, status=None):
        return {
            "x-mock-response": answer if isinstance(answer, str) else json.dumps(answer),
            **({"x-mock-status": str(status)} if status else {}),
        }

    def test_the_header_answers_at_once_on_all_routes_and_methods(self, api, ws):
        for path in (f"{ws.gateway}/provider/{MOCK_PREFIX}nobody", f"{ws.gateway}/model/nobody", f"{ws.gateway}/openai"):
            assert api.post(f"{path}/-/v1/chat/completions", {"model": "nobody"}, 200, headers=self.headers({"hello": 1})).json() == {
                "hello": 1
            }
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert api.call(method, f"{ws.gateway}/provider/{MOCK_PREFIX}nobody/-/v1/any", 200, headers=self.headers({"a": 1})).json() == {
                "a": 1
            }

    @pytest.mark.parametrize("status", [429, 500, 418])
    def test_any_status_can_be_asked_for(self, api, ws, status):
        api.post(f"{ws.gateway}/openai/-/v1/chat/completions", {"model": "m"}, status, headers=self.headers({"a": 1}, status))

    def test_text_that_is_no_json_is_400(self, api, ws):
        says(api.post(f"{ws.gateway}/openai/-/v1/chat/completions", {"model": "m"}, 400, headers=self.headers("{no")), "Invalid JSON")

    def test_a_mock_provider_has_defaults(self, api, ws):
        name = unique(MOCK_PREFIX.rstrip("-"))
        api.post(
            ws.providers, {"name": name, "host_url": "http://mock.local", "default_extra_headers": {"X-Mock-Served-Models": '["m1","m2"]'}}
        )
        path = f"{ws.gateway}/provider/{name}/-"
        wait_until(lambda: api.get(f"{path}/v1/health/live", None).status_code == 200, 10)
        assert api.get(f"{path}/v1/health/live").json() == {"status": "live"} and api.get(f"{path}/v1/health/ready").json() == {
            "status": "ready"
        }
        assert [row["id"] for row in api.rows(f"{path}/v1/models")] == ["m1", "m2"]
        answer = api.post(f"{path}/v1/chat/completions", {"model": "m1"}, 400)
        says(answer, "Mock provider mode is enabled", "X-Mock-Response")

    def test_a_map_gives_each_model_its_answers_in_order(self, api, ws):
        name, entity = unique(MOCK_PREFIX.rstrip("-")), f"{ws.workspace}/m1"
        answers = {entity: [{"response_code": 200, "response_body": {"n": 1}}, {"response_code": 429, "response_body": {"n": 2}}]}
        api.post(
            ws.providers,
            {"name": name, "host_url": "http://mock.local", "default_extra_headers": {"X-Mock-Response-Map": json.dumps(answers)}},
        )
        path = f"{ws.gateway}/provider/{name}/-/v1/chat/completions"
        wait_until(lambda: api.get(f"{ws.gateway}/provider/{name}/-/v1/health/live", None).status_code == 200, 10)
        got = [api.post(path, {"model": entity}, None) for _ in range(3)]
        assert [(answer.status_code, answer.json()["n"]) for answer in got] == [(200, 1), (429, 2), (429, 2)]

    def test_a_stream_is_cut_at_blanks(self, api, ws):
        answer = api.post(
            f"{ws.gateway}/openai/-/v1/chat/completions", {"model": "m", "stream": True}, 200, headers=self.headers(self.ANSWER)
        )
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
        chunks = [json.loads(event) for event in events[:-1]]
        assert events[-1] == "[DONE]" and chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert (
            "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "one two three"
            and chunks[-1]["choices"][0]["finish_reason"] == "stop"
        )

    def test_all_three_routes_work_soon_after_a_provider_has_its_models(self, api, ws):
        name = unique(MOCK_PREFIX.rstrip("-"))
        api.post(ws.models, {"name": "m1"})
        api.post(
            ws.providers,
            {"name": name, "host_url": "http://mock.local", "default_extra_headers": {"X-Mock-Response": json.dumps(self.ANSWER)}},
        )
        api.put(
            f"{ws.providers}/{name}/status",
            {"status": "READY", "served_models": [{"model_entity_id": f"{ws.workspace}/m1", "served_model_name": "m1"}]},
        )
        for path, model in (
            (f"{ws.gateway}/provider/{name}", "m1"),
            (f"{ws.gateway}/model/m1", "m1"),
            (f"{ws.gateway}/openai", f"{ws.workspace}/m1"),
        ):
            wait_until(lambda: api.post(f"{path}/-/v1/chat/completions", {"model": model}, None).status_code == 200, 8, what=path)


def test_an_authorization_header_is_not_passed_on_nor_checked(base_url, default, trained):
    api = Api(base_url, authorization="Bearer not-needed")
    complete(chat(api, f"{default.gateway}/openai", trained.model))
