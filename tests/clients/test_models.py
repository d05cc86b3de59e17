"""Section 5, D.3 and D.7: model entities, their analysis, adapters, prompts."""

import pytest
from nemo_platform import ConflictError, NotFoundError
from support import TINY_ADAPTER, Paths, page_is_whole, problems, says, tiny_files, unique, upload, wait_until

MODEL_MEMBERS = {
    "id",
    "name",
    "workspace",
    "project",
    "description",
    "spec",
    "finetuning_type",
    "fileset",
    "base_model",
    "api_endpoint",
    "backend_format",
    "prompt",
    "custom_fields",
    "ownership",
    "model_providers",
    "trust_remote_code",
    "adapters",
    "created_at",
    "updated_at",
}
ADAPTER_MEMBERS = {
    "name",
    "workspace",
    "description",
    "fileset",
    "finetuning_type",
    "enabled",
    "lora_config",
    "model",
    "created_at",
    "updated_at",
}


def number_of_parameters(layers=2, d=64, f=96, vocabulary=288, heads=4, kv=2):
    """The contract's formula for a dense model with tied embeddings."""
    attention = 2 * d * d + 2 * d * (kv * (d // heads)) if kv < heads else 4 * d * d
    return layers * (attention + 3 * d * f + 2 * d) + vocabulary * d + d


SPEC = {
    "checkpoint_model_name": "LlamaForCausalLM",
    "family": "llama",
    "num_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_kv_heads": 2,
    "ffn_hidden_size": 96,
    "vocab_size": 288,
    "tied_embeddings": True,
    "gated_mlp": True,
    "base_num_parameters": number_of_parameters(),
}


def analysed(api, ws, name):
    return wait_until(lambda: api.get(f"{ws.models}/{name}").json()["spec"], 60, what=f"the analysis of {name}")


@pytest.fixture
def weights(api, ws):
    return upload(api, ws, "weights", tiny_files(TINY_ADAPTER))


# ------------------------------------------------------------------------------------------------ models


def test_a_model_is_created_with_all_its_members(api, ws):
    made = api.post(ws.models, {"name": "m1", "description": "d", "custom_fields": {"a": 1}}).json()
    assert MODEL_MEMBERS <= set(made) and made["id"].startswith("model-") and made["adapters"] == [] and made["trust_remote_code"] is False
    assert made["custom_fields"] == {"a": 1} and made["spec"] is None
    assert api.get(f"{ws.models}/m1").json() == made


def test_a_model_lives_its_whole_life(ws_client):
    made = ws_client.models.create(name="m1", description="first")
    with pytest.raises(ConflictError, match="already exists"):
        ws_client.models.create(name="m1")
    assert ws_client.models.update("m1", description="second").description == "second"
    assert ws_client.models.retrieve("m1").created_at == made.created_at
    assert [model.name for model in ws_client.models.list()] == ["m1"]
    assert ws_client.models.delete("m1") is None
    with pytest.raises(NotFoundError, match="not found"):
        ws_client.models.retrieve("m1")


def test_spec_and_providers_of_the_callers_own_come_back_as_given(api, ws):
    made = api.post(ws.models, {"name": "m1", "spec": SPEC, "model_providers": ["default/p1"]}).json()
    assert SPEC.items() <= made["spec"].items() and made["model_providers"] == ["default/p1"]


def test_a_missing_name_and_a_spec_that_is_no_object_are_422(api, ws):
    assert problems(api.post(ws.models, {}, 422))[0][:2] == ("missing", ("body", "name"))
    api.post(ws.models, {"name": "m1", "spec": "text"}, 422)


@pytest.mark.parametrize(
    "members",
    [
        {"name": "Upper"},
        {"name": "1st"},
        {"name": "a--b"},
        {"name": "m1", "description": "x" * 1001},
        {"name": "m1", "finetuning_type": "magic"},
    ],
)
def test_what_breaks_a_rule_is_422(api, ws, members):
    api.post(ws.models, members, 422)


def test_a_fileset_that_does_not_exist_is_400(api, ws):
    says(api.post(ws.models, {"name": "m1", "fileset": f"{ws.workspace}/nobody"}, 400), "not found")
    api.post(ws.models, {"name": "m1"})
    api.patch(f"{ws.models}/m1", {"fileset": f"{ws.workspace}/nobody"}, 400)


def test_an_empty_fileset_is_accepted_on_create_and_refused_on_patch(api, ws):
    empty = upload(api, ws, "empty", {})
    api.post(ws.models, {"name": "m1", "fileset": empty})
    api.post(ws.models, {"name": "m2"})
    says(api.patch(f"{ws.models}/m2", {"fileset": empty}, 400), "is empty")


def test_patch_keeps_what_is_absent_or_null(api, ws):
    api.post(ws.models, {"name": "m1", "description": "d", "backend_format": "OPENAI_CHAT"})
    assert api.patch(f"{ws.models}/m1", {"description": None}).json()["description"] == "d"
    assert api.patch(f"{ws.models}/m1", {"custom_fields": {"a": 1}}).json()["backend_format"] == "OPENAI_CHAT"
    assert api.patch(f"{ws.models}/m1", {"backend_format": None}).json()["backend_format"] is None


def test_remote_code_is_not_trusted_without_permission_of_the_operator(api, ws):
    answer = api.call(
        "POST", ws.models, (201, 403), json={"name": "m1", "fileset": upload(api, ws, "f1", tiny_files()), "trust_remote_code": True}
    )
    if answer.status_code == 403:
        says(answer, "trust_remote_code")


def test_the_same_name_in_two_workspaces_is_two_models(api, ws):
    other = Paths(unique("ws"))
    api.post("/apis/entities/v2/workspaces", {"name": other.workspace})
    ids = {api.post(paths.models, {"name": "same", "description": paths.workspace}).json()["id"] for paths in (ws, other)}
    assert len(ids) == 2 and api.get(f"{ws.models}/same").json()["description"] == ws.workspace
    api.delete(f"/apis/entities/v2/workspaces/{other.workspace}", 200)


def test_models_are_listed_oldest_first(api, ws):
    for name in ("m2", "m1", "m3"):
        api.post(ws.models, {"name": name})
    page_is_whole(api.get(ws.models).json())
    assert api.names(ws.models) == ["m2", "m1", "m3"] and api.names(ws.models, sort="-name") == ["m3", "m2", "m1"]
    assert all("adapters" in row for row in api.rows(ws.models))


# ------------------------------------------------------------------------------------------------ analysis


def test_the_spec_is_filled_without_any_action_of_the_client(api, ws):
    fileset = upload(api, ws, "f1", tiny_files())
    made = api.post(ws.models, {"name": "m1", "fileset": fileset}).json()
    assert made["fileset"] == fileset
    spec = analysed(api, ws, "m1")
    assert {key: spec[key] for key in SPEC} == SPEC
    assert (
        spec["is_chat"] is True
        and spec["is_embedding_model"] is False
        and spec["moe_config"] is None
        and spec["sliding_window_config"] is None
    )


def test_linear_layers_are_shown_when_asked_for(api, ws):
    api.post(ws.models, {"name": "m1", "fileset": upload(api, ws, "f1", tiny_files())})
    assert analysed(api, ws, "m1").get("linear_layers") is None
    layers = api.get(f"{ws.models}/m1", params={"verbose": "true"}).json()["spec"]["linear_layers"]
    assert any(layer["name"].endswith("q_proj") and layer["in_features"] == 64 and layer["out_features"] == 64 for layer in layers)


def analyses(api, ws):
    return api.rows(ws.jobs, **{"filter[source]": "models-system", "sort": "created_at"})


def test_the_analysis_is_a_job_among_the_others(ws_client, api, ws):
    api.post(ws.models, {"name": "without-files"})
    api.post(ws.models, {"name": "m1", "fileset": upload(api, ws, "f1", tiny_files())})
    analysed(api, ws, "m1")
    (row,) = analyses(api, ws)
    assert row["name"] in api.names(ws.jobs) and row["name"] in [job.name for job in ws_client.jobs.list()]
    job = ws_client.jobs.retrieve(row["name"])
    assert job.status == "completed" and job.name.startswith("models-system-") and job.source == "models-system"
    assert job.spec == {"fileset": f"{ws.workspace}/f1", "model": f"{ws.workspace}/m1"}
    assert [step.name for step in job.platform_spec.steps] == ["model-spec-analysis"]
    status = ws_client.jobs.get_status(job.name)
    assert [(step.name, step.status, len(step.tasks)) for step in status.steps] == [("model-spec-analysis", "completed", 1)]
    assert "llama, 2 layers" in status.status_details["message"]
    assert [step["job"] for step in api.rows(f"{ws.jobs}/-/steps")] == [job.name]
    lines = [line.message for line in ws_client.jobs.get_logs(job.name)]
    assert lines[0] == f"Analysis of the checkpoint of model {ws.workspace}/m1 in fileset {ws.workspace}/f1, 5 files"
    assert lines[1:] == [status.status_details["message"]]
    second = api.get(f"{ws.jobs}/{job.name}/logs", params={"limit": 1, "step_id": "model-spec-analysis"}).json()
    assert (second["total"], len(second["data"]), second["data"][0]["job"]) == (2, 1, job.name) and second["next_page"]
    assert api.get(f"{ws.jobs}/{job.name}/logs", params={"step_id": "another"}).json()["total"] == 0
    assert api.post(f"{ws.jobs}/{job.name}/cancel", None, 200).json()["status"] == "completed"  # it has ended
    ws_client.jobs.delete(job.name)
    api.get(f"{ws.jobs}/{job.name}", 404)
    assert api.get(f"{ws.models}/m1").json()["spec"] and analyses(api, ws) == []


def test_the_job_of_a_failed_analysis_says_why_and_the_next_one_is_another(ws_client, api, ws):
    api.post(ws.models, {"name": "m1", "fileset": upload(api, ws, "f1", {"readme.txt": b"nothing"})})
    model = wait_until(lambda: answer if (answer := api.get(f"{ws.models}/m1").json()).get("spec_error") else None, 60, what="the reason")
    (row,) = analyses(api, ws)
    status = ws_client.jobs.get_status(row["name"])
    for failed in (ws_client.jobs.retrieve(row["name"]), status, status.steps[0], status.steps[0].tasks[0]):
        assert failed.status == "error" and failed.error_details == {"message": model["spec_error"]}
    assert list(ws_client.jobs.get_logs(row["name"]))[-1].message == model["spec_error"]
    assert api.names(ws.jobs, **{"filter[status]": "error"}) == [row["name"]]
    api.patch(f"{ws.models}/m1", {"fileset": upload(api, ws, "f2", tiny_files())})
    analysed(api, ws, "m1")
    assert [each["status"] for each in analyses(api, ws)] == ["error", "completed"]


@pytest.mark.parametrize("files, reason", [
    ({"readme.txt": b"nothing"}, "config.json"),
    ({"config.json": b"{"}, "config.json"),
])  # fmt: skip
def test_a_fileset_without_a_checkpoint_leaves_the_spec_null_and_the_model_says_why(api, ws, files, reason):
    api.post(ws.models, {"name": "m1", "fileset": upload(api, ws, "f1", files)})
    model = wait_until(lambda: answer if (answer := api.get(f"{ws.models}/m1").json()).get("spec_error") else None, 60, what="the reason")
    assert model["spec"] is None and reason in model["spec_error"]


def test_a_fileset_given_later_is_analysed_then(api, ws):
    api.post(ws.models, {"name": "m1"})
    api.patch(f"{ws.models}/m1", {"fileset": upload(api, ws, "f1", tiny_files())})
    assert analysed(api, ws, "m1")["family"] == "llama"


def test_the_chat_template_comes_from_the_filesets_metadata(api, ws):
    metadata = {
        "model": {"tool_calling": {"chat_template": "{{ messages[0].content }}", "tool_call_parser": "hermes", "auto_tool_choice": True}}
    }
    api.post(ws.filesets, {"name": "f1", "purpose": "model", "metadata": metadata}, 200)
    for path, content in tiny_files().items():
        api.call("PUT", f"{ws.filesets}/f1/-/{path}", 200, content=content)
    api.post(ws.models, {"name": "m1", "fileset": f"{ws.workspace}/f1"})
    spec = analysed(api, ws, "m1")
    assert spec["chat_template"] == "{{ messages[0].content }}" and spec["tool_call_config"]["tool_call_parser"] == "hermes"


def test_files_that_say_how_to_pool_are_of_an_embedding_model(api, ws):
    files = tiny_files() | {"1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}'}
    api.post(ws.models, {"name": "m1", "fileset": upload(api, ws, "f1", files)})
    assert analysed(api, ws, "m1")["is_embedding_model"] is True


def test_a_name_with_embed_in_it_is_an_embedding_model(api, ws):
    api.post(ws.models, {"name": "my-embed-model", "fileset": upload(api, ws, "f1", tiny_files())})
    assert analysed(api, ws, "my-embed-model")["is_embedding_model"] is True


# ------------------------------------------------------------------------------------------------ adapters


def test_an_adapter_is_nested_in_its_model(api, ws, weights):
    api.post(ws.models, {"name": "m1"})
    made = api.post(
        f"{ws.models}/m1/adapters", {"name": "a1", "fileset": weights, "finetuning_type": "lora", "lora_config": {"rank": 4, "alpha": 8}}
    ).json()
    assert ADAPTER_MEMBERS <= set(made) and "id" not in made and made["enabled"] is True and made["model"] == f"{ws.workspace}/m1"
    assert made["lora_config"] == {"rank": 4, "alpha": 8}
    assert api.get(f"{ws.models}/m1").json()["adapters"] == [made] and api.get(f"{ws.adapters}/a1").json() == made


def test_an_adapter_lives_its_whole_life(ws_client, weights):
    ws_client.models.create(name="m1")
    ws_client.models.adapters.create("m1", name="a1", fileset=weights, finetuning_type="lora")
    with pytest.raises(ConflictError, match="already exists"):
        ws_client.models.adapters.create("m1", name="a1", fileset=weights, finetuning_type="lora")
    before = ws_client.adapters.retrieve("a1").updated_at
    assert ws_client.models.adapters.update("a1", model_name="m1", enabled=False).enabled is False
    after = ws_client.adapters.patch("a1", enabled=True, description="new")
    assert after.enabled is True and after.description == "new" and after.updated_at > before
    assert [adapter.name for adapter in ws_client.adapters.list()] == ["a1"]
    assert ws_client.models.adapters.delete("a1", model_name="m1") is None
    with pytest.raises(NotFoundError):
        ws_client.adapters.retrieve("a1")


def test_an_adapter_may_be_made_by_its_own_collection(api, ws, weights):
    api.post(ws.models, {"name": "m1"})
    for name, model in (("a1", "m1"), ("a2", f"{ws.workspace}/m1")):
        assert (
            api.post(ws.adapters, {"name": name, "model": model, "fileset": weights, "finetuning_type": "lora"}).json()["model"]
            == f"{ws.workspace}/m1"
        )
    assert sorted(adapter["name"] for adapter in api.get(f"{ws.models}/m1").json()["adapters"]) == ["a1", "a2"]
    api.delete(f"{ws.adapters}/a1")
    assert api.names(ws.adapters) == ["a2"]


def test_an_adapter_may_live_in_another_workspace_than_its_model(api, ws, default, weights):
    name = unique("m")
    api.post(default.models, {"name": name})
    made = api.post(ws.adapters, {"name": "a1", "model": f"default/{name}", "fileset": weights, "finetuning_type": "lora"}).json()
    assert made["workspace"] == ws.workspace and made["model"] == f"default/{name}"
    assert [adapter["workspace"] for adapter in api.get(f"{default.models}/{name}").json()["adapters"]] == [ws.workspace]
    api.delete(f"{default.models}/{name}")


@pytest.mark.parametrize("members, status, text", [
    ({"fileset": "{ws}/nobody"}, 400, "not found"),
    ({"fileset": "{ws}/empty"}, 400, "is empty"),
    ({"finetuning_type": "magic"}, 422, "finetuning_type"),
    ({"name": None}, 422, "name"),
    ({"name": "Upper"}, 422, ""),
])  # fmt: skip
def test_an_adapter_that_breaks_a_rule_is_refused(api, ws, weights, members, status, text):
    upload(api, ws, "empty", {})
    api.post(ws.models, {"name": "m1"})
    body = {"name": "a1", "fileset": weights, "finetuning_type": "lora", **members}
    body["fileset"] = body["fileset"].replace("{ws}", ws.workspace)
    says(api.post(f"{ws.models}/m1/adapters", {key: value for key, value in body.items() if value is not None}, status), text)


def test_missing_models_and_adapters_are_404_and_named(api, ws, weights):
    body = {"name": "a1", "fileset": weights, "finetuning_type": "lora"}
    says(api.post(f"{ws.models}/nobody/adapters", body, 404), "not found", "nobody")
    says(api.post(ws.adapters, {**body, "model": "nobody"}, 404), "not found", "nobody")
    api.post(ws.models, {"name": "m1"})
    says(api.patch(f"{ws.models}/m1/adapters/nothing", {"enabled": False}, 404), "not found", "nothing")
    says(api.patch(f"{ws.models}/nobody/adapters/nothing", {"enabled": False}, 404), "not found", "nobody")
    says(api.delete(f"{ws.models}/m1/adapters/nothing", 404), "not found")
    for call in (
        lambda: api.get(f"{ws.adapters}/nothing", 404),
        lambda: api.delete(f"{ws.adapters}/nothing", 404),
        lambda: api.patch(f"{ws.adapters}/nothing", {"enabled": True}, 404),
    ):
        says(call(), "not found")


def test_there_is_no_nested_get_or_list_of_adapters(api, ws):
    api.post(ws.models, {"name": "m1"})
    for path in ("adapters", "adapters/a1"):
        assert "allow" in api.get(f"{ws.models}/m1/{path}", 405).headers


def test_deleting_a_model_deletes_its_adapters_and_no_fileset(api, ws, weights):
    api.post(ws.models, {"name": "m1"})
    api.post(f"{ws.models}/m1/adapters", {"name": "a1", "fileset": weights, "finetuning_type": "lora"})
    api.delete(f"{ws.models}/m1")
    api.get(f"{ws.adapters}/a1", 404)
    api.get(f"{ws.filesets}/weights")


def test_patches_of_many_clients_at_once_all_succeed(base_url, api, ws, weights):
    from concurrent.futures import ThreadPoolExecutor

    import httpx

    api.post(ws.models, {"name": "m1"})
    api.post(f"{ws.models}/m1/adapters", {"name": "a1", "fileset": weights, "finetuning_type": "lora"})
    with ThreadPoolExecutor(8) as pool:
        statuses = list(
            pool.map(
                lambda n: httpx.patch(f"{base_url}{ws.models}/m1/adapters/a1", json={"enabled": n % 2 == 0}, timeout=30).status_code,
                range(40),
            )
        )
    assert statuses == [200] * 40


# ------------------------------------------------------------------------------------------------ prompts


def test_a_prompt_lives_its_whole_life(api, ws):
    body = {"name": "p1", "messages": [{"role": "user", "content": "Hello {{ who }}"}], "input_variables": ["who"], "tags": ["greeting"]}
    made = api.post(ws.prompts, body).json()
    assert made["id"].startswith("prompt-") and made["messages"] == body["messages"] and made["tags"] == ["greeting"]
    api.post(ws.prompts, body, 409)
    assert api.put(f"{ws.prompts}/p1", {"messages": [{"role": "user", "content": "Bye"}]}).json()["tags"] in ([], None)
    assert api.names(ws.prompts) == ["p1"]
    api.delete(f"{ws.prompts}/p1")
    api.get(f"{ws.prompts}/p1", 404)
