"""Section 6: jobs that learn from a teacher, of the classic form and of automodel."""

import pathlib

import pytest
import tiny_model
from support import analysed, automodel, ended, says, tiny_files, training, unique


@pytest.fixture(scope="module")
def teacher(api, default):
    """The base model once more: whoever learns from nothing but his own like has nothing to learn."""
    return f"default/{analysed(api, default, unique('teacher'), tiny_files())}"


def classic(base_model, dataset, teacher, **more):
    return {
        "model": f"default/{base_model}",
        "dataset": f"fileset://default/{dataset}",
        "training": training(type="distillation", teacher_model=teacher, **more),
    }


def losses(status):
    return [point["value"] for point in status["steps"][1]["tasks"][0]["status_details"]["metrics"]["train_loss"]]


def test_a_distillation_learns_from_its_teacher(client, api, default, base_model, dataset, teacher):
    name = unique("distil")
    made = client.customization.jobs.create(
        workspace="default", name=name, spec=classic(base_model, dataset, teacher, distillation_ratio=1.0, distillation_temperature=2.0)
    )
    assert made.spec.training["teacher_model"] == teacher and made.spec.training["teacher_precision"] == "bf16"
    status = ended(api, default, name)
    assert losses(status)[0] == pytest.approx(0, abs=1e-6)
    assert made.spec.output.name in [adapter.name for adapter in client.models.retrieve(base_model).adapters]


def test_labels_count_as_far_as_the_ratio_says(api, default, base_model, dataset, teacher):
    first = {}
    for ratio in (0.0, 0.5):
        made = api.post(default.customization, {"spec": classic(base_model, dataset, teacher, distillation_ratio=ratio)}).json()
        first[ratio] = losses(ended(api, default, made["name"]))[0]
    assert first[0.0] > 1 and first[0.5] == pytest.approx(first[0.0] / 2, rel=1e-4)


def test_all_weights_are_distilled_into_a_new_model(api, default, base_model, dataset, teacher):
    made = api.post(default.customization, {"spec": classic(base_model, dataset, teacher, peft=None)}).json()
    ended(api, default, made["name"])
    assert api.get(f"{default.models}/{made['spec']['output']['name']}").json()["base_model"] == f"default/{base_model}"


def test_automodel_distils_too(client, base_model, dataset, teacher):
    handle = client.customization.automodel.jobs.create(
        workspace="default",
        spec=automodel(
            base_model,
            dataset,
            training={"training_type": "distillation", "teacher_model": teacher, "lora": {"rank": 4, "alpha": 8}, "max_seq_length": 64},
        ),
    )
    status = handle.wait(timeout=300, poll_interval=0.5)
    assert status.status == "completed", status.error_details


def test_a_teacher_of_another_vocabulary_is_an_error_of_the_job(api, default, base_model, dataset, tmp_path):
    tiny_model.make(tmp_path)
    stranger = analysed(api, default, unique("stranger"), {path.name: path.read_bytes() for path in pathlib.Path(tmp_path).iterdir()})
    made = api.post(default.customization, {"spec": classic(base_model, dataset, f"default/{stranger}")}).json()
    status = ended(api, default, made["name"], status="error")
    assert "vocabulary" in status["error_details"]["message"]


def test_a_distillation_needs_a_teacher_that_exists(api, default, base_model, dataset):
    spec = classic(base_model, dataset, "default/nobody")
    says(api.post(default.customization, {"spec": spec}, 422), "not found", "nobody")
    del spec["training"]["teacher_model"]
    says(api.post(default.customization, {"spec": spec}, 422), "field required")
