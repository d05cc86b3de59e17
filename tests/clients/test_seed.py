"""The tutorial on models and training: each of its snippets, by the calls that it makes, with a model that is small enough.

The hub's repositories of the tutorial are replaced by uploads, as no hub can be reached in a test. Names are the tutorial's,
in a workspace of this module's own, so that a second run finds nothing in its way.
"""

import os
import time

import pytest
from nemo_platform import NeMoPlatform, UnprocessableEntityError
from support import TINY, TINY_ADAPTER, Paths, ended, rows_as_text, says, training, unique, wait_until

MODEL = "llama-3-2-1b"


@pytest.fixture(scope="module")
def place(api):
    paths = Paths(unique("seed"))
    api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    yield paths
    api.delete(f"/apis/entities/v2/workspaces/{paths.workspace}", 200)


@pytest.fixture(scope="module")
def client(base_url, place):
    """The snippet "Initialize the SDK"."""
    assert os.environ.get("NMP_BASE_URL", "http://localhost:8080").rstrip("/") == base_url
    return NeMoPlatform(base_url=os.environ.get("NMP_BASE_URL", "http://localhost:8080"), workspace=place.workspace)


@pytest.fixture(scope="module")
def model(client, place):
    """The first two steps: fileset, upload, model entity, and the loop that waits for its spec."""
    client.files.filesets.create(workspace=place.workspace, name=MODEL, description="Llama 3.2 1B base model")
    client.files.fsspec.put(lpath=TINY, rpath=f"{place.workspace}/{MODEL}/", recursive=True)
    model = client.models.create(
        workspace=place.workspace, name=MODEL, fileset=f"{place.workspace}/{MODEL}", description="Llama 3.2 1B base model"
    )
    deadline = time.monotonic() + 60
    while not model.spec:
        assert time.monotonic() < deadline, "the spec has not been filled within 60 s"
        time.sleep(0.2)
        model = client.models.retrieve(workspace=place.workspace, name=MODEL)
    return model


@pytest.fixture(scope="module")
def job(client, api, place, model):
    """The third step: the job of the tutorial, with less to do."""
    client.files.filesets.create(workspace=place.workspace, name="email-training-data")
    client.files.upload_content(
        content=rows_as_text(), remote_path="training.jsonl", fileset="email-training-data", workspace=place.workspace
    )
    job = client.customization.jobs.create(
        workspace=place.workspace,
        name="my-email-assistant-lora",
        spec={
            "model": f"{place.workspace}/{MODEL}",
            "dataset": f"fileset://{place.workspace}/email-training-data",
            "training": training(type="sft", peft={"type": "lora", "rank": 8, "alpha": 32}),
            "deployment_config": {"lora_enabled": True},
        },
    )
    ended(api, place, job.name)
    return job


def test_a_fileset_from_the_hub_is_described_as_in_the_tutorial(client, place):
    """The parameter type is there and its request is understood: without a hub or its secret the answer is a reason, not a crash."""
    from nemo_platform import APIStatusError
    from nemo_platform.types.files import HuggingfaceStorageConfigParam

    storage = HuggingfaceStorageConfigParam(
        type="huggingface", repo_id="meta-llama/Llama-3.2-1B-Instruct", repo_type="model", token_secret="my-hf-token"
    )
    with pytest.raises(APIStatusError) as raised:
        client.with_options(max_retries=0).files.filesets.create(
            workspace=place.workspace, name="from-the-hub", description="Llama 3.2 1B base model", storage=storage
        )
    assert raised.value.status_code == 400 and "my-hf-token" in str(raised.value)


def test_the_spec_is_populated_and_printable_as_in_the_tutorial(model):
    assert model.spec.family == "llama" and f"{model.spec.base_num_parameters:,}"
    assert model.description == "Llama 3.2 1B base model"


def test_the_adapter_is_attached_to_the_model_and_enabled(client, place, job):
    model = client.models.retrieve(workspace=place.workspace, name=MODEL)
    adapters = {adapter.name: adapter for adapter in model.adapters or []}
    adapter = adapters[job.spec.output.name]
    assert adapter.finetuning_type == "lora" and adapter.enabled is True and adapter.fileset and adapter.created_at
    assert adapter.lora_config.rank == 8 and adapter.lora_config.alpha == 32


def test_an_adapter_is_disabled_and_re_enabled(client, place, job):
    for enabled in (False, True):
        client.models.update_adapter(model_name=MODEL, workspace=place.workspace, adapter_name=job.spec.output.name, enabled=enabled)
        model = client.models.retrieve(workspace=place.workspace, name=MODEL)
        assert next(adapter for adapter in model.adapters if adapter.name == job.spec.output.name).enabled is enabled


def test_disabling_takes_the_adapter_out_of_inference_within_seconds(client, api, place, job):
    deployment = f"{place.gateway}/provider/sft-deploy-{MODEL}"
    served = f"{place.workspace}--{job.spec.output.name}"
    listed = lambda: served in api.get(f"{deployment}/-/v1/models", None).text  # noqa: E731
    wait_until(listed, 120, what="the adapter in inference")
    client.models.update_adapter(model_name=MODEL, workspace=place.workspace, adapter_name=job.spec.output.name, enabled=False)
    wait_until(lambda: not listed(), 30, what="the adapter's leaving")
    client.models.update_adapter(model_name=MODEL, workspace=place.workspace, adapter_name=job.spec.output.name, enabled=True)
    wait_until(listed, 30, what="the adapter's return")


def test_an_adapter_is_created_manually(client, place, model):
    client.files.filesets.create(name="my-lora-weights")
    client.files.fsspec.put(lpath=TINY_ADAPTER, rpath=f"{place.workspace}/my-lora-weights/", recursive=True)
    client.models.create_adapter(
        model_name=MODEL,
        workspace=place.workspace,
        name="my-custom-lora",
        fileset=f"{place.workspace}/my-lora-weights",
        finetuning_type="lora",
    )
    assert "my-custom-lora" in [adapter.name for adapter in client.models.retrieve(workspace=place.workspace, name=MODEL).adapters]
    client.models.update_adapter(model_name=MODEL, workspace=place.workspace, adapter_name="my-custom-lora", enabled=False)


def test_an_adapter_is_created_with_the_newer_names_too(client, place, model):
    client.models.adapters.create(
        MODEL,
        workspace=place.workspace,
        name="newer-lora",
        fileset=f"{place.workspace}/my-lora-weights",
        finetuning_type="lora",
        enabled=False,
    )
    assert client.models.adapters.update("newer-lora", workspace=place.workspace, model_name=MODEL, enabled=True).enabled is True
    client.models.adapters.delete("newer-lora", workspace=place.workspace, model_name=MODEL)


def test_all_model_entities_are_listed(client, place, model):
    assert MODEL in [each.name for each in client.models.list(workspace=place.workspace)]


def test_the_quick_references_job_is_accepted(client, place, job):
    made = client.customization.jobs.create(
        workspace=place.workspace,
        name="my-job",
        spec={
            "model": f"{place.workspace}/{MODEL}",
            "dataset": f"fileset://{place.workspace}/email-training-data",
            "training": {"type": "sft", "peft": {"type": "lora"}},
        },
    )
    assert made.spec.output.type == "adapter"
    client.customization.jobs.cancel("my-job")


def test_full_sft_creates_a_new_model_entity_with_full_weights(client, api, place, job):
    spec = {
        "model": f"{place.workspace}/{MODEL}",
        "dataset": f"fileset://{place.workspace}/email-training-data",
        "training": training(peft=None),
    }
    made = client.customization.jobs.create(name="full-sft", spec=spec)
    ended(api, place, "full-sft")
    result = client.models.retrieve(made.spec.output.name)
    assert result.base_model == f"{place.workspace}/{MODEL}" and result.finetuning_type == "all_weights" and result.fileset


# The table of resource rules.


@pytest.mark.parametrize("gpus, tensor, pipeline, good", [(8, 4, 2, True), (4, 4, 2, False)])
def test_the_gpu_allocation_rule(client, place, job, gpus, tensor, pipeline, good):
    spec = {
        "model": f"{place.workspace}/{MODEL}",
        "dataset": f"fileset://{place.workspace}/email-training-data",
        "training": training(parallelism={"num_gpus_per_node": gpus, "tensor_parallel_size": tensor, "pipeline_parallel_size": pipeline}),
    }
    if good:
        client.customization.jobs.cancel(client.customization.jobs.create(spec=spec).name)
    else:
        with pytest.raises(UnprocessableEntityError, match="must be divisible"):
            client.customization.jobs.create(spec=spec)


@pytest.mark.parametrize("experts, good", [(1, True), (2, True), (4, True), (3, False)])
def test_the_expert_parallel_rule(client, api, place, job, experts, good):
    spec = {
        "model": f"{place.workspace}/{MODEL}",
        "dataset": f"fileset://{place.workspace}/email-training-data",
        "training": training(
            batch_size=4,
            parallelism={"num_gpus_per_node": 8, "tensor_parallel_size": 2, "pipeline_parallel_size": 1, "expert_parallel_size": experts},
        ),
    }
    answer = api.post(place.customization, {"spec": spec}, 201 if good else 422)
    if good:
        client.customization.jobs.cancel(answer.json()["name"])
    else:
        says(answer, "expert_parallel_size")
