"""Section 6, 10 and D.9, and Appendix E's answers: fine-tuning jobs of the classic form, of automodel and of unsloth."""

import json
import re

import pytest
from nemo_platform import ConflictError, NotFoundError, UnprocessableEntityError
from support import ROWS, automodel, ended, page_is_whole, problems, rows_as_text, says, tiny_files, unique, unsloth, upload, wait_until

JOB_MEMBERS = {
    "id",
    "name",
    "description",
    "project",
    "workspace",
    "created_at",
    "updated_at",
    "spec",
    "status",
    "status_details",
    "error_details",
    "ownership",
    "custom_fields",
}
STEPS = ["model-and-dataset-download", "customization-training-job", "model-upload", "model-entity-creation"]


def accepted(api, default, spec, path=None, **members):
    """The job that a spec makes, cancelled at once."""
    path = path or default.customization
    made = api.post(path, {"name": unique("yes"), "spec": spec, **members}).json()
    api.post(f"{path}/{made['name']}/cancel", None, 200)
    return made


# ------------------------------------------------------------------------------------------------ creation


def test_a_created_job_has_all_its_members_and_the_final_output(api, default, spec, base_model, dataset):
    made = accepted(api, default, spec())
    assert JOB_MEMBERS <= set(made) and made["project"] is None
    output = made["spec"]["output"]
    stem = f"{base_model}-{dataset}"[:50].rstrip("-")
    assert (
        re.fullmatch(re.escape(stem) + "-[0-9a-f]{12}", output["name"])
        and output["fileset"] == output["name"]
        and output["type"] == "adapter"
    )


def test_an_output_name_of_the_callers_own_is_kept(api, default, spec):
    name = unique("mine")
    output = accepted(api, default, spec(output={"name": name}))["spec"]["output"]
    assert output["name"] == name and output["type"] == "adapter" and re.fullmatch(name + "-[0-9a-f]{12}", output["fileset"])


@pytest.mark.parametrize(
    "members, kind",
    [({"peft": None}, "model"), ({"peft": {"type": "lora", "merge": True}}, "model"), ({"peft": {"type": "lora"}}, "adapter")],
)
def test_the_output_is_a_model_or_an_adapter_as_the_training_says(api, default, spec, members, kind):
    assert accepted(api, default, spec(members))["spec"]["output"]["type"] == kind


def test_defaults_are_filled_in(api, default, base_model, dataset):
    made = accepted(
        api, default, {"model": f"default/{base_model}", "dataset": f"fileset://default/{dataset}", "training": {"type": "sft", "peft": {}}}
    )["spec"]
    expected = {
        "learning_rate": 1e-4,
        "min_learning_rate": None,
        "weight_decay": 0.01,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "warmup_steps": 0,
        "optimizer": None,
        "epochs": 1,
        "max_steps": None,
        "log_every_n_steps": None,
        "val_check_interval": None,
        "batch_size": 32,
        "micro_batch_size": 1,
        "sequence_packing": False,
        "max_seq_length": 2048,
        "precision": None,
        "seed": None,
        "execution_profile": None,
    }
    assert {key: made["training"][key] for key in expected} == expected
    assert made["training"]["peft"] == {
        "type": "lora",
        "rank": 8,
        "alpha": 32,
        "dropout": 0.0,
        "target_modules": None,
        "merge": False,
        "use_dora": False,
        "quantization": None,
    }
    assert made["training"]["parallelism"] == {
        "num_gpus_per_node": 1,
        "num_nodes": 1,
        "tensor_parallel_size": 1,
        "pipeline_parallel_size": 1,
        "context_parallel_size": 1,
        "expert_parallel_size": None,
        "sequence_parallel": False,
    }
    assert made["deployment_config"] is None and made["integrations"] is None and made["custom_fields"] == {}


def test_a_job_without_a_name_gets_one(api, default, spec):
    made = api.post(default.customization, {"spec": spec()}).json()
    assert re.fullmatch("customization-[0-9a-f]{12}", made["name"])
    api.post(f"{default.customization}/{made['name']}/cancel", None, 200)


def test_unknown_members_are_ignored_at_every_level(api, default, spec):
    accepted(api, default, spec({"dataset_parameters": {"a": 1}, "colour": "red"}, colour="red"))


def test_output_model_is_refused_with_a_hint(refused, spec):
    says(refused(spec(output_model="mine")), "output")


def test_a_taken_name_is_409(client, api, default, spec):
    name = accepted(api, default, spec())["name"]
    with pytest.raises(ConflictError, match="already exists"):
        client.customization.jobs.create(name=name, spec=spec())


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "members",
    [
        {"epochs": 0},
        {"max_steps": 0},
        {"batch_size": 0},
        {"micro_batch_size": -1},
        {"max_seq_length": 0},
        {"warmup_steps": -1},
        {"precision": "fp7"},
        {"type": "magic"},
        {"execution_profile": ""},
        {"peft": {"type": "lora", "rank": 0}},
        {"peft": {"type": "lora", "rank": 257}},
        {"peft": {"type": "lora", "alpha": 0}},
        {"peft": {"type": "lora", "dropout": 1.5}},
        {"peft": {"type": "prefix"}},
        {"parallelism": {"num_nodes": 0}},
    ],
)
def test_a_value_out_of_its_range_is_422_with_its_place(refused, spec, members):
    kind, loc, _ = problems(refused(spec(members)))[0]
    assert loc[:3] == ("body", "spec", "training"), (kind, loc)


def test_training_without_a_type_is_422(refused, spec):
    bad = spec()
    del bad["training"]["type"]
    assert problems(refused(bad))[0][0] == "union_tag_not_found"


@pytest.mark.parametrize(
    "reference", ["hf://a/b", "ngc://a/b", "default/rows", "fileset://rows", "fileset://default/a/b", "fileset://default/what a name", ""]
)
def test_a_dataset_of_another_form_is_422_and_both_forms_are_named(refused, spec, reference):
    says(refused(spec(dataset=reference)), "fileset://", reference)


def test_a_missing_model_and_a_missing_dataset_are_422_and_named(refused, spec):
    says(refused(spec(model="default/nobody")), "not found", "default/nobody")
    says(refused(spec(dataset="fileset://default/nobody")), "not found", "nobody", "default")


def test_a_model_without_a_fileset_is_refused_with_a_reason(api, default, refused, spec):
    name = unique("bare")
    api.post(default.models, {"name": name})
    says(refused(spec(model=f"default/{name}")), "fileset")
    api.delete(f"{default.models}/{name}")


def test_a_missing_secret_of_an_integration_is_409(refused, spec):
    says(refused(spec(integrations={"wandb": {"project": "p", "api_key_secret": "nobody"}}), status=409), "not found")


def test_a_missing_execution_profile_is_422_and_named(refused, spec):
    says(refused(spec({"execution_profile": "nowhere"})), "does not exist", "nowhere", "customization-training-job")


@pytest.mark.parametrize("peft", [{"type": "lora", "use_dora": True}, {"type": "lora", "quantization": {"precision": "4bit"}}])
def test_what_is_not_supported_yet_says_so(refused, spec, peft):
    says(refused(spec({"peft": peft})), "not yet supported")


def test_dpo_with_lora_says_that_it_is_not_supported(refused, spec):
    says(refused(spec({"type": "dpo"})), "not yet supported with DPO")


@pytest.mark.parametrize(
    "members",
    [
        {"ref_policy_kl_penalty": 0},
        {"preference_average_log_probs": True},
        {"sft_average_log_probs": True},
        {"preference_loss_weight": 2.0},
        {"sft_loss_weight": 0.5},
        {"sequence_packing": True},
    ],
)
def test_what_a_dpo_job_cannot_do_is_refused_by_name(refused, spec, members):
    says(refused(spec({"type": "dpo", "peft": None} | members)), "training." + next(iter(members)))


def test_an_adapter_that_could_not_be_served_is_refused(refused, spec):
    refused(spec(deployment_config={"lora_enabled": False}))
    says(refused(spec(deployment_config="nobody")), "does not exist")


def test_an_output_name_that_no_entity_could_have_is_refused(refused, spec):
    refused(spec(output={"name": "Not A Name!"}))


def test_a_reranking_model_is_refused_with_advice(api, default, refused, spec):
    name = unique("rerank")
    upload(api, default, name, tiny_files())
    api.post(default.models, {"name": name, "fileset": f"default/{name}"})
    wait_until(lambda: api.get(f"{default.models}/{name}").json()["spec"], 60)
    says(refused(spec(model=f"default/{name}")), "embedding")


# ------------------------------------------------------------------------------------------------ parallelism


def test_four_gpus_are_no_multiple_of_tp_4_times_pp_2(refused, spec):
    answer = refused(spec({"parallelism": {"num_gpus_per_node": 4, "tensor_parallel_size": 4, "pipeline_parallel_size": 2}}))
    assert (
        "Total GPUs (4) must be divisible by tensor_parallel_size (4) * pipeline_parallel_size (2) * context_parallel_size (1) = 8"
        in answer.json()["detail"]
    )


def test_eight_gpus_are_a_multiple_of_tp_4_times_pp_2(api, default, spec):
    accepted(api, default, spec({"parallelism": {"num_gpus_per_node": 8, "tensor_parallel_size": 4, "pipeline_parallel_size": 2}}))


def test_three_experts_groups_do_not_divide_four(refused, spec):
    answer = refused(spec({"batch_size": 4, "parallelism": {"num_gpus_per_node": 8, "tensor_parallel_size": 2, "expert_parallel_size": 3}}))
    assert (
        "(data_parallel_size * context_parallel_size) (4 * 1 = 4) must be divisible by expert_parallel_size (3)" in answer.json()["detail"]
    )


@pytest.mark.parametrize("experts", [1, 2, 4])
def test_one_two_and_four_experts_groups_divide_four(api, default, spec, experts):
    accepted(
        api,
        default,
        spec({"batch_size": 4, "parallelism": {"num_gpus_per_node": 8, "tensor_parallel_size": 2, "expert_parallel_size": experts}}),
    )


def test_a_batch_that_the_devices_cannot_share_comes_with_two_that_they_can(refused, spec):
    answer = refused(spec({"batch_size": 31, "parallelism": {"num_gpus_per_node": 8}}))
    assert "Consider adjusting batch_size to 24 or 32." in answer.json()["detail"]


# ------------------------------------------------------------------------------------------------ a job's life


def test_a_trained_job_went_through_the_four_steps(trained):
    assert [step["name"] for step in trained.status["steps"]] == STEPS
    assert all(step["status"] == "completed" and len(step["tasks"]) == 1 for step in trained.status["steps"])


def test_the_training_task_reports_steps_losses_and_metrics(trained):
    details = trained.status["steps"][1]["tasks"][0]["status_details"]
    assert (
        details["phase"] == "completed"
        and details["step"] == details["max_steps"] == 2
        and details["num_epochs"] == 1
        and details["percentage_done"] == 100
    )
    assert isinstance(details["train_loss"], float) and isinstance(details["val_loss"], float) and isinstance(details["lr"], float)
    assert {"step", "epoch", "value"} <= set(details["metrics"]["train_loss"][-1]) and details["metrics"]["val_loss"]


def test_the_job_is_the_same_by_all_routes(client, api, default, trained):
    classic, platform = api.get(f"{default.customization}/{trained.job}").json(), api.get(f"{default.jobs}/{trained.job}").json()
    assert (
        classic["id"] == platform["id"] and platform["source"] == "customization" and classic["status"] == platform["status"] == "completed"
    )
    assert [step["name"] for step in classic["steps"]] == STEPS and isinstance(classic["status_details"], dict)
    assert client.customization.jobs.get_status(trained.job).steps[1].tasks[0].status == "completed"
    assert client.customization.jobs.retrieve(trained.job).spec.output.name == trained.adapter


def test_the_adapter_is_attached_to_its_model(client, api, default, trained):
    adapter = next(adapter for adapter in client.models.retrieve(trained.model).adapters if adapter.name == trained.adapter)
    assert (
        adapter.finetuning_type == "lora" and adapter.enabled is True and adapter.lora_config.rank == 4 and adapter.lora_config.alpha == 8
    )
    assert adapter.fileset == f"default/{trained.created.spec.output.fileset}"
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {
        file.path for file in client.files.list(fileset=trained.created.spec.output.fileset).data
    }


def test_the_output_fileset_cannot_be_changed_by_users(api, default, trained):
    path = f"{default.filesets}/{trained.created.spec.output.fileset}"
    assert api.get(path).json()["custom_fields"]["service_source"]
    says(api.call("PUT", f"{path}/-/x.txt", 403, content=b"x"), "immutable")


def test_logs_of_a_job_can_be_read(client, trained):
    lines = [line.message for line in client.customization.jobs.get_logs(trained.job, limit=5)]
    assert lines and lines == [line.message for line in client.jobs.get_logs(trained.job)]


def test_results_of_a_job_have_a_download_url_that_works(base_url, api, default, trained):
    for result in api.get(f"{default.customization}/{trained.job}/results").json()["data"]:
        assert result["download_url"].startswith("http") and result["download_url"].endswith(
            f"/jobs/{trained.job}/results/{result['name']}/download"
        )
        assert api.http.get(result["download_url"]).status_code == 200
    says(api.get(f"{default.customization}/{trained.job}/results/nothing", 404), "not found")


def test_jobs_are_listed_and_filtered(client, api, default, trained):
    answer = api.get(default.customization, params={"filter[name]": trained.job}).json()
    page_is_whole(answer)
    assert [row["name"] for row in answer["data"]] == [trained.job] and answer["filter"] == {"name": {"$eq": trained.job}}
    assert trained.job in [job.name for job in client.customization.jobs.list(filter={"status": "completed"}, page_size=100)]
    assert [job.name for job in client.customization.jobs.list(filter={"name": {"$like": trained.job}})] == [trained.job]


def test_a_job_can_be_cancelled_and_deleted(client, api, default, spec):
    made = client.customization.jobs.create(spec=spec({"max_steps": None, "epochs": 1000}))
    wait_until(
        lambda: any(
            step["name"] == "customization-training-job" for step in api.get(f"{default.customization}/{made.name}/status").json()["steps"]
        ),
        60,
        what="the training",
    )
    assert client.customization.jobs.cancel(made.name).status in ("cancelling", "cancelled")
    ended(api, default, made.name, 60, "cancelled")
    assert client.customization.jobs.delete(made.name) is None
    with pytest.raises(NotFoundError):
        client.customization.jobs.retrieve(made.name)


def test_missing_jobs_are_404(api, default):
    for path in ("", "/status", "/logs", "/results"):
        says(api.get(f"{default.customization}/nobody{path}", 404), "not found")
    says(api.delete(f"{default.customization}/nobody", 404), "not found")
    says(api.post(f"{default.customization}/nobody/cancel", None, 404), "not found")


def test_there_is_no_pause_under_this_prefix(api, default, trained):
    assert api.post(f"{default.customization}/{trained.job}/pause", None, None).status_code in (404, 405)


def test_full_training_makes_a_model(api, default, spec, base_model):
    made = api.post(default.customization, {"spec": spec({"peft": None})}).json()
    ended(api, default, made["name"])
    model = api.get(f"{default.models}/{made['spec']['output']['name']}").json()
    assert model["finetuning_type"] == "all_weights" and model["base_model"] == f"default/{base_model}" and model["adapters"] == []
    assert {"config.json", "tokenizer.json"} <= {
        row["path"] for row in api.rows(f"{default.filesets}/{made['spec']['output']['fileset']}/files")
    }


def test_merged_training_makes_a_model(api, default, spec):
    made = api.post(default.customization, {"spec": spec({"peft": {"type": "lora", "rank": 4, "merge": True}})}).json()
    ended(api, default, made["name"])
    assert api.get(f"{default.models}/{made['spec']['output']['name']}").json()["finetuning_type"] == "lora_merged"


# ------------------------------------------------------------------------------------------------ datasets


@pytest.mark.parametrize(
    "files",
    [
        {"train.jsonl": rows_as_text()},
        {"anything.jsonl": rows_as_text()},
        {"train/a.jsonl": rows_as_text(ROWS[:6]), "train/b.jsonl": rows_as_text(ROWS[6:]), "dev/c.jsonl": rows_as_text(ROWS[:2])},
        {"training.json": rows_as_text(), "validation.json": rows_as_text(ROWS[:3])},
        {
            "training.jsonl": rows_as_text(
                [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"Hello {n}"}]} for n in range(8)]
            )
        },
    ],
    ids=["train", "any name", "directories", "json", "chat"],
)
def test_a_dataset_of_each_layout_is_found_and_trained_on(api, default, spec, files):
    name = unique("data")
    upload(api, default, name, files)
    ended(api, default, api.post(default.customization, {"spec": spec(dataset=f"fileset://default/{name}")}).json()["name"])


@pytest.mark.parametrize("files, texts", [
    ({}, ["no training file"]),
    ({"readme.txt": "nothing"}, ["no training file"]),
    ({"nested/deep/training.jsonl": rows_as_text()}, ["no training file"]),
    ({"training.jsonl": ""}, ["training.jsonl"]),
    ({"training.jsonl": rows_as_text(ROWS[:3]) + "{broken\n"}, ["training.jsonl", "4"]),
    ({"training.jsonl": rows_as_text([{"text": 5}])}, ["text"]),
    ({"training.jsonl": rows_as_text(ROWS[:1])}, []),
], ids=["empty", "no rows", "too deep", "empty file", "broken line", "unknown members", "one row"])  # fmt: skip
def test_a_bad_dataset_is_accepted_and_then_an_error_of_the_job(api, default, spec, files, texts):
    name = unique("data")
    upload(api, default, name, files)
    status = ended(
        api, default, api.post(default.customization, {"spec": spec(dataset=f"fileset://default/{name}")}).json()["name"], status="error"
    )
    message = status["error_details"]["message"].lower()
    assert all(text.lower() in message for text in texts), message


# ------------------------------------------------------------------------------------------------ back ends


def test_health_names_the_back_ends(client, api, default):
    answer = api.get("/apis/customization/healthz").json()
    assert answer["plugin"] == "customization" and answer["status"] == "ok" and sorted(answer["contributors"]) == ["automodel", "unsloth"]
    assert client.customization.automodel.jobs.plugin_status() == {"backend": "automodel", "status": "ok"}
    assert client.customization.unsloth.jobs.plugin_status() == {"backend": "unsloth", "status": "ok"}


def test_an_automodel_job_trains_an_adapter(client, api, default, base_model, dataset):
    name = unique("auto")
    handle = client.customization.automodel.jobs.create(spec=automodel(base_model, dataset), workspace="default", name=name)
    assert handle.name == name and handle.spec.output.type == "adapter" and handle.job.spec["output"]["fileset"] == handle.spec.output.name
    status = handle.wait(timeout=300, poll_interval=0.5)
    assert status.status == "completed", status.error_details
    assert [step.name for step in status.steps] == [STEPS[0], "training", *STEPS[2:]]
    assert handle.spec.output.name in [adapter.name for adapter in client.models.retrieve(base_model).adapters]
    assert client.customization.automodel.jobs.get_job_resource(name).get_status().status == "completed"


def test_an_unsloth_job_trains_an_adapter(client, base_model, dataset):
    handle = client.customization.unsloth.jobs.create(spec=unsloth(base_model, dataset), workspace="default")
    assert re.fullmatch("unsloth-[0-9a-f]{12}", handle.name)
    status = handle.wait(timeout=300, poll_interval=0.5)
    assert status.status == "completed", status.error_details


@pytest.mark.parametrize("said", [{}, {"load_in_4bit": True}, {"load_in_8bit": True}])
def test_an_unsloth_job_trains_on_a_quantised_base(api, default, base_model, dataset, said):
    wish = unsloth(base_model, dataset)
    wish["model"] = {"name": wish["model"]["name"], "max_seq_length": 64} | said
    made = api.post(default.unsloth, {"spec": wish}).json()
    assert made["spec"]["model"]["load_in_4bit"] is ("load_in_8bit" not in said)
    assert ended(api, default, made["name"])["steps"][1]["tasks"][0]["status_details"]["step"] == 2


def test_an_unsloth_job_trains_an_adapter_with_dora(client, base_model, dataset):
    wish = unsloth(base_model, dataset, training={"lora": {"rank": 4, "alpha": 8, "use_dora": True}})
    handle = client.customization.unsloth.jobs.create(spec=wish, workspace="default")
    status = handle.wait(timeout=300, poll_interval=0.5)
    assert status.status == "completed", status.error_details
    config = client.files.download_content(remote_path="adapter_config.json", fileset=handle.spec.output.name)
    assert json.loads(config)["use_dora"] is True


def test_a_job_in_bf16_trains(api, default, spec):
    made = api.post(default.customization, {"spec": spec({"precision": "bf16"})}).json()
    assert ended(api, default, made["name"])["steps"][1]["tasks"][0]["status_details"]["step"] == 2


def test_automodel_defaults_are_filled_in(api, default, base_model, dataset):
    made = accepted(
        api, default, {"model": f"default/{base_model}", "dataset": {"training": f"default/{dataset}"}, "training": {}}, default.automodel
    )["spec"]
    assert (
        made["training"]["finetuning_type"] == "lora" and made["training"]["lora"]["rank"] == 16 and made["training"]["lora"]["alpha"] == 32
    )
    assert (
        made["batch"]["global_batch_size"] == 8
        and made["optimizer"]["learning_rate"] == 5e-6
        and made["optimizer"]["lr_decay_style"] == "cosine"
    )
    assert made["schedule"]["epochs"] == 1 and made["output"]["type"] == "adapter" and made["output"]["fileset"] == made["output"]["name"]


@pytest.mark.parametrize("place", [(), ("dataset",), ("training",), ("training", "lora"), ("schedule",), ("batch",)])
def test_an_unknown_member_of_an_automodel_spec_is_422(api, default, base_model, dataset, place):
    spec = json.loads(json.dumps(automodel(base_model, dataset)))
    target = spec
    for key in place:
        target = target[key]
    target["colour"] = "red"
    found = problems(api.post(default.automodel, {"spec": spec}, 422))
    assert ("extra_forbidden", ("body", "spec", *place, "colour")) in [(kind, loc) for kind, loc, _ in found]


@pytest.mark.parametrize("members, text", [
    ({"training": {"training_type": "distillation"}}, "teacher_model"),
    ({"training": {"lora": {"rank": 0}}}, "rank"),
    ({"optimizer": {"adam_beta1": 1.0}}, "adam_beta1"),
    ({"integrations": {"wandb": {}}}, ""),
    ({"output_model": "mine"}, "output"),
    ({"dataset": {"training": "default/nobody"}}, "not found"),
    ({"model": "default/nobody"}, "not found"),
])  # fmt: skip
def test_an_automodel_spec_that_breaks_a_rule_is_422(refused, default, base_model, dataset, members, text):
    says(refused(automodel(base_model, dataset) | members, default.automodel), text)


@pytest.mark.parametrize("members, text", [
    ({"model": {"name": "{model}", "load_in_4bit": True, "load_in_8bit": True}}, "load_in"),
    ({"schedule": {"warmup_steps": 5, "warmup_ratio": 0.1}}, "warmup"),
    ({"training": {"finetuning_type": "all_weights", "lora": {}}}, ""),
    ({"deployment_config": {"lora_enabled": False}}, "lora"),
    ({"colour": "red"}, "colour"),
    ({"model": {"name": "default/nobody"}}, "not found"),
])  # fmt: skip
def test_an_unsloth_spec_that_breaks_a_rule_is_422(refused, default, base_model, dataset, members, text):
    members = json.loads(json.dumps(members).replace("{model}", f"default/{base_model}"))
    says(refused(unsloth(base_model, dataset) | members, default.unsloth), text)


def test_the_client_raises_what_the_server_refuses(client, base_model, dataset):
    with pytest.raises(UnprocessableEntityError, match="colour"):
        client.customization.automodel.jobs.create(spec=automodel(base_model, dataset, colour="red"))


def test_each_back_ends_list_has_its_own_jobs(api, default, spec, base_model, dataset):
    auto = accepted(api, default, automodel(base_model, dataset), default.automodel)["name"]
    classic = accepted(api, default, spec())["name"]
    for path, inside, outside in ((default.automodel, auto, classic), (default.customization, classic, auto)):
        names = api.names(path, page_size=100)
        assert inside in names and outside not in names


def test_an_unsigned_token_is_accepted(base_url, default):
    from support import Api

    assert "data" in Api(base_url, authorization="Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.").get(default.automodel).json()
