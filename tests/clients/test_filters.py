"""Sections 1.7 and D.3: filters in all their forms, on generic entities and on the lists that are built like them."""

import json

import pytest
from support import Paths, says, unique, upload

ROWS = {  # name: data
    "my-llama-7b": {"family": "LLaMA", "size": 7, "status": "active", "public": True, "empty": []},
    "your-llama-1b": {"family": "llama", "size": 1, "status": "pending", "public": False, "note": None},
    "qwen-5": {"family": "qwen", "size": 5, "status": "active", "public": True, "note": "null"},
    "phi_2": {"family": "phi", "size": 2, "status": "archived", "public": False},
    "percent": {"family": "100%", "size": 100, "status": "active"},
}


@pytest.fixture(scope="module")
def things(api):
    """Five entities, created in this order, and their list."""
    paths = Paths(unique("ws"))
    api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    path = f"{paths.entities}/thing"
    for name, data in ROWS.items():
        api.post(path, {"name": name, "data": data})
    yield path
    api.delete(f"/apis/entities/v2/workspaces/{paths.workspace}", 200)


@pytest.fixture(scope="module")
def ask(api, things):
    """The names that a filter leaves, sorted. The filter is a dictionary, sent as JSON, or a text."""
    return lambda filter: sorted(api.names(things, filter=filter))


def brackets(api, things, **query):
    return sorted(row["name"] for row in api.get(things, params=query).json()["data"])


def test_a_plain_value_means_equals(ask, api, things):
    assert ask({"name": "qwen-5"}) == brackets(api, things, **{"filter[name]": "qwen-5"}) == ["qwen-5"]


def test_several_members_are_joined_by_and(ask, api, things):
    assert ask({"data.status": "active", "data.public": True}) == ["my-llama-7b", "qwen-5"]
    assert brackets(api, things, **{"filter[data.status]": "active", "filter[name]": "percent"}) == ["percent"]


@pytest.mark.parametrize("pattern, expected", [
    ("llama", ["my-llama-7b", "your-llama-1b"]),
    ("LLAMA", ["my-llama-7b", "your-llama-1b"]),
    ("my-%", ["my-llama-7b"]),
    ("qw_n", ["qwen-5"]),
    ("nothing", []),
])  # fmt: skip
def test_like_is_contains_without_case_and_with_wildcards(ask, api, things, pattern, expected):
    assert ask({"name": {"$like": pattern}}) == expected
    assert brackets(api, things, **{"filter[name][$like]": pattern}) == expected
    assert brackets(api, things, **{"filter[name][like]": pattern}) == expected


def test_like_works_on_members_of_the_data(ask):
    assert ask({"data.family": {"$like": "llama"}}) == ["my-llama-7b", "your-llama-1b"]


@pytest.mark.parametrize("operator, value, expected", [
    ("$lt", 2, ["your-llama-1b"]),
    ("$lte", 2, ["phi_2", "your-llama-1b"]),
    ("$gt", 7, ["percent"]),
    ("$gte", 7, ["my-llama-7b", "percent"]),
])  # fmt: skip
def test_numbers_compare_as_numbers(ask, operator, value, expected):
    assert ask({"data.size": {operator: value}}) == expected


def test_a_string_equals_the_same_number(ask, api, things):
    assert ask({"data.size": "5"}) == ask({"data.size": 5}) == brackets(api, things, **{"filter[data.size]": "5"}) == ["qwen-5"]


def test_booleans_are_json_booleans(ask, api, things):
    assert ask({"data.public": True}) == ["my-llama-7b", "qwen-5"] and ask({"data.public": False}) == ["phi_2", "your-llama-1b"]


def test_names_compare_in_string_order(ask):
    assert ask({"name": {"$gt": "phi_2"}}) == ["qwen-5", "your-llama-1b"] and ask({"name": {"$lte": "percent"}}) == [
        "my-llama-7b",
        "percent",
    ]


@pytest.mark.parametrize("operator, expected", [("$in", ["phi_2", "qwen-5"]), ("$nin", ["my-llama-7b", "percent", "your-llama-1b"])])
def test_in_takes_a_list_or_text_with_commas_in_both_forms(ask, api, things, operator, expected):
    assert ask({"name": {operator: ["phi_2", "qwen-5"]}}) == expected
    assert ask({"name": {operator: "phi_2,qwen-5"}}) == expected
    assert brackets(api, things, **{f"filter[name][{operator}]": "phi_2,qwen-5"}) == expected
    assert brackets(api, things, **{f"filter[name][{operator}]": '["phi_2","qwen-5"]'}) == expected


def test_a_bracket_value_with_commas_is_a_list(api, things):
    assert brackets(api, things, **{"filter[data.status]": "pending,archived"}) == ["phi_2", "your-llama-1b"]


def test_and_and_or_nest_in_each_other(ask, api, things):
    either = [{"data.status": "archived"}, {"$and": [{"data.status": "active"}, {"data.size": {"$lt": 6}}]}]
    assert ask({"$or": either}) == ["phi_2", "qwen-5"]
    assert brackets(api, things, **{"filter[$or]": json.dumps(either)}) == ["phi_2", "qwen-5"]
    assert ask({"$and": [{"$or": [{"name": "phi_2"}, {"name": "qwen-5"}]}, {"data.public": True}]}) == ["qwen-5"]


def test_or_and_not_may_stand_below_a_field(ask):
    assert ask({"data.status": {"$or": [{"$eq": "pending"}, {"$eq": "archived"}]}}) == ["phi_2", "your-llama-1b"]
    assert ask({"name": {"$not": {"$like": "llama"}}}) == ["percent", "phi_2", "qwen-5"]


def test_not_may_stand_on_top_and_in_brackets(ask, api, things):
    assert ask({"$not": {"data.status": "active"}}) == ["phi_2", "your-llama-1b"]
    assert brackets(api, things, **{"filter[$not]": '{"data.status":"active"}'}) == ["phi_2", "your-llama-1b"]


def test_equal_to_null_means_absent_or_null_but_not_the_word_and_not_an_empty_list(ask):
    assert ask({"data.note": {"$eq": None}}) == ["my-llama-7b", "percent", "phi_2", "your-llama-1b"]
    assert ask({"data.empty": {"$eq": None}}) == ["percent", "phi_2", "qwen-5", "your-llama-1b"]


def test_not_equal_to_null_means_present_also_within_and_and_or(ask):
    present = {"data.note": {"$not": {"$eq": None}}}
    assert ask(present) == ["qwen-5"]
    assert ask({"$and": [present, {"data.status": "active"}]}) == ["qwen-5"]
    assert ask({"$or": [present, {"name": "phi_2"}]}) == ["phi_2", "qwen-5"]


@pytest.mark.parametrize("form", ["Z", "", "+00:00"])
def test_times_compare_to_the_microsecond_with_or_without_zone(api, things, form):
    rows = api.get(things, params={"sort": "created_at"}).json()["data"]
    names, times = [row["name"] for row in rows], [row["created_at"].replace("Z", form) for row in rows]
    assert brackets(api, things, **{"filter[created_at][$gt]": times[1]}) == sorted(names[2:])
    assert brackets(api, things, **{"filter[created_at][gte]": times[1]}) == sorted(names[1:])
    assert brackets(api, things, **{"filter[created_at][lte]": times[1], "filter[created_at][gte]": times[1]}) == [names[1]]


def test_filters_work_together_with_sort_and_pages(api, things):
    query = {"filter": '{"data.status":"active"}', "sort": "-data.size", "page_size": 2}
    first, second = (api.get(things, params={**query, "page": page}).json() for page in (1, 2))
    assert [row["name"] for row in first["data"] + second["data"]] == ["percent", "my-llama-7b", "qwen-5"]
    assert first["pagination"]["total_results"] == 3 and first["pagination"]["total_pages"] == 2


def test_a_literal_percent_is_found(ask):
    assert ask({"data.family": "100%"}) == ["percent"]


@pytest.mark.parametrize("text, expected", [
    ('name:"qwen-5"', ["qwen-5"]),
    ('name~"llama"', ["my-llama-7b", "your-llama-1b"]),
    ('name~"llama" OR name:"phi_2"', ["my-llama-7b", "phi_2", "your-llama-1b"]),
    ('name~"llama" AND -name:"my-llama-7b"', ["your-llama-1b"]),
    ('(name:"qwen-5" OR name:"phi_2") AND name~"qwen"', ["qwen-5"]),
    ('name IN ["qwen-5","phi_2"]', ["phi_2", "qwen-5"]),
])  # fmt: skip
def test_the_text_grammar_says_the_same(ask, text, expected):
    assert ask(text) == expected


# ------------------------------------------------------------------------------------------------ errors


def test_an_unknown_field_is_400_and_names_it(api, ws):
    for path in (ws.filesets, ws.models, ws.jobs, ws.deployments, ws.providers, ws.adapters, ws.customization):
        says(api.get(path, 400, params={"filter[colour]": "red"}), "colour")


def test_an_unknown_operator_is_400_and_names_it(api, things):
    says(api.get(things, 400, params={"filter": '{"name":{"$regex":"x"}}'}), "$regex")
    says(api.get(things, 400, params={"filter[name][$regex]": "x"}), "$regex")


def test_broken_json_is_400(api, things):
    says(api.get(things, 400, params={"filter": '{"name": '}), "Invalid JSON in filter parameter")


def test_a_logical_operator_beside_fields_is_400(api, things):
    api.get(things, 400, params={"filter": '{"$or":[{"name":"a"}],"name":"b"}'})


def test_a_value_outside_an_enum_finds_nothing(api, ws):
    assert api.rows(ws.jobs, **{"filter[status]": "FOOBAR"}) == []


def test_very_deep_filters_are_refused(api, things):
    deep = '{"name":"a"}'
    for _ in range(100):
        deep = '{"$not":' + deep + "}"
    assert api.get(things, None, params={"filter": deep}).status_code in (400, 413, 414, 422)


# ------------------------------------------------------------------------------------------------ relationships


@pytest.fixture(scope="module")
def family(api):
    """Models m1 (two adapters, one of another workspace), m2 (one), m3 (none), as generic entities."""
    here, there = Paths(unique("ws")), Paths(unique("ws"))
    for paths in (here, there):
        api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    ids = {name: api.post(f"{here.entities}/model", {"name": name, "data": {"n": name}}).json()["id"] for name in ("m1", "m2", "m3")}
    for paths, name, parent, kind in ((here, "a1", "m1", "LoRA"), (there, "a2", "m1", "P_TUNING"), (here, "a3", "m2", "P_TUNING")):
        api.post(f"{paths.entities}/adapter", {"name": name, "parent": ids[parent], "data": {"finetuning_type": kind}})
    yield here, ids
    for paths in (here, there):
        api.delete(f"/apis/entities/v2/workspaces/{paths.workspace}", 200)


@pytest.mark.parametrize("filter, expected", [
    ({"adapters": {"$exists": True}}, ["m1", "m2"]),
    ({"adapters": {"$exists": False}}, ["m3"]),
    ({"adapters": {"finetuning_type": "LoRA"}}, ["m1"]),
    ({"adapters": {"finetuning_type": "P_TUNING"}, "name": "m2"}, ["m2"]),
    ({"$or": [{"adapters": {"finetuning_type": "LoRA"}}, {"name": "m3"}]}, ["m1", "m3"]),
])  # fmt: skip
def test_a_model_is_found_by_its_adapters(api, family, filter, expected):
    answer = api.get(f"{family[0].entities}/model", params={"filter": json.dumps(filter)}).json()
    assert sorted(row["name"] for row in answer["data"]) == expected and answer["pagination"]["total_results"] == len(expected)


def test_a_model_is_found_by_its_adapters_in_brackets(api, family):
    path = f"{family[0].entities}/model"
    assert sorted(api.names(path, **{"filter[adapters][$exists]": "true"})) == ["m1", "m2"]
    assert sorted(api.names(path, **{"filter[adapters][finetuning_type][$in]": "LoRA,P_TUNING"})) == ["m1", "m2"]


def test_children_are_found_by_their_parents(api, family):
    here, ids = family
    rows = api.rows(f"{here.entities}/adapter", **{"filter[parent][$in]": f"{ids['m1']},{ids['m2']}"})
    assert {row["name"]: row["parent"] for row in rows} == {"a1": ids["m1"], "a3": ids["m2"]}


# ------------------------------------------------------------------------------------------------ the models list


@pytest.fixture(scope="module")
def models(api):
    paths = Paths(unique("ws"))
    api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    upload(api, paths, "weights", {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"})
    api.post(paths.models, {"name": "plain", "description": "a plain one"})
    api.post(paths.models, {"name": "derived", "base_model": f"{paths.workspace}/plain", "finetuning_type": "all_weights"})
    api.post(paths.models, {"name": "adapted", "prompt": {"system_prompt": "Be brief."}})
    api.post(f"{paths.models}/adapted/adapters", {"name": "a1", "fileset": f"{paths.workspace}/weights", "finetuning_type": "lora"})
    api.post(
        paths.configs,
        {
            "name": "c1",
            "engine": "nim",
            "model_spec": {"model_namespace": paths.workspace, "model_name": "plain", "lora_enabled": True},
            "executor_config": {"gpu": 1},
        },
    )
    yield paths.models
    api.delete(f"/apis/entities/v2/workspaces/{paths.workspace}", 200)


@pytest.mark.parametrize("filter, expected", [
    ({"adapters": {"$exists": True}}, ["adapted"]),
    ({"adapters": True}, ["adapted"]),
    ({"adapters": False}, ["derived", "plain"]),
    ({"adapters": {"finetuning_type": "lora"}}, ["adapted"]),
    ({"base_model": True}, ["derived"]),
    ({"base_model": False}, ["adapted", "plain"]),
    ({"finetuning_type": "all_weights"}, ["derived"]),
    ({"finetuning_type": True}, ["derived"]),
    ({"prompt": True}, ["adapted"]),
    ({"description": {"$like": "plain"}}, ["plain"]),
    ({"$or": [{"data.base_model": {"$not": {"$eq": None}}}, {"adapters": {"$exists": True}}]}, ["adapted", "derived"]),
    ({"lora_enabled": True}, ["plain"]),
    ({"lora_enabled": True, "name": "derived"}, []),
])  # fmt: skip
def test_models_are_found_by_what_they_have(api, models, filter, expected):
    assert sorted(api.names(models, filter=filter)) == expected


def test_models_are_found_in_brackets_too(api, models):
    assert api.names(models, **{"filter[base_model]": "true"}) == ["derived"]
    assert api.names(models, **{"filter[adapters]": "true"}) == ["adapted"]
    assert api.names(models, **{"filter[adapters][finetuning_type]": "lora"}) == ["adapted"]
    assert api.names(models, **{"filter[lora_enabled]": "true", "filter[name]": "x1"}) == []


def test_lora_enabled_inside_or_and_not_is_400(api, models):
    for filter in ({"$or": [{"lora_enabled": True}, {"name": "plain"}]}, {"$not": {"lora_enabled": True}}):
        says(api.get(models, 400, params={"filter": json.dumps(filter)}), "lora_enabled")


def test_the_client_sends_filters_that_are_understood(ws_client, api, ws):
    for name in ("d1", "d2", "other"):
        api.post(ws.models, {"name": name})
    assert sorted(model.name for model in ws_client.models.list(filter={"name": {"$like": "d%"}})) == ["d1", "d2"]
    assert [model.name for model in ws_client.models.list(filter={"name": "other"})] == ["other"]
    assert sorted(model.name for model in ws_client.models.list(filter={"name": {"$in": ["d1", "other"]}})) == ["d1", "other"]
    assert sorted(model.name for model in ws_client.models.list(filter={"created_at": {"$gte": "2026-01-01T00:00:00Z"}})) == [
        "d1",
        "d2",
        "other",
    ]


def test_an_adapter_list_is_filtered_by_enabled(api, ws):
    upload(api, ws, "weights", {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"})
    api.post(ws.models, {"name": "m1"})
    for name, enabled in (("on", True), ("off", False)):
        api.post(
            f"{ws.models}/m1/adapters", {"name": name, "fileset": f"{ws.workspace}/weights", "finetuning_type": "lora", "enabled": enabled}
        )
    assert api.names(ws.adapters, **{"filter[enabled]": "true"}) == ["on"]
    assert api.names(ws.adapters, filter={"enabled": False}) == ["off"]


def test_an_empty_bracket_value_is_null(api, things):
    assert brackets(api, things, **{"filter[data.note]": ""}) == ["my-llama-7b", "percent", "phi_2", "your-llama-1b"]
