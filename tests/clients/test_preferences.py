"""Section 10.2 and 10.7: training on preferences (DPO), in every form that rows may have."""

import pytest
from support import ended, rows_as_text, unique, upload

CHAT = [{"role": "user", "content": "Which?"}]


def said(text):
    return [{"role": "assistant", "content": text}]


PREFERENCES = {
    "answers": {"prompt": "Which?", "chosen": "This one.", "rejected": "None."},
    "other spelling": {"prompt": CHAT, "chosen_response": "This one.", "rejected_response": "None."},
    "conversations": {"chosen": CHAT + said("This one."), "rejected": CHAT + said("None."), "messages": CHAT},
    "ranked": {"context": CHAT, "completions": [{"rank": 1, "completion": said("None.")}, {"rank": 0, "completion": said("This one.")}]},
    "scored": {"context": "Which?", "response1": "None.", "response2": "This one.", "overall_preference": 2},
}


@pytest.fixture
def dpo(api, default, spec):
    """A DPO job on a dataset of these files, and how it ended."""

    def run(files, status="completed", **members):
        name = unique("pairs")
        upload(api, default, name, files)
        wish = spec({"type": "dpo", "peft": None} | members, dataset=f"fileset://default/{name}")
        made = api.post(default.customization, {"spec": wish}).json()
        return made, ended(api, default, made["name"], status=status)

    return run


@pytest.mark.parametrize("form", PREFERENCES)
def test_a_dpo_job_trains_a_model_on_preferences_of_each_form(api, default, base_model, dpo, form):
    made, status = dpo({"training.jsonl": rows_as_text([PREFERENCES[form]] * 6)}, learning_rate=1e-2)
    assert made["spec"]["output"]["type"] == "model" and made["spec"]["training"]["ref_policy_kl_penalty"] == 0.05
    model = api.get(f"{default.models}/{made['spec']['output']['name']}").json()
    assert model["finetuning_type"] == "all_weights" and model["base_model"] == f"default/{base_model}"
    losses = [point["value"] for point in status["steps"][1]["tasks"][0]["status_details"]["metrics"]["train_loss"]]
    # Before the first update both answers are as likely as the reference has them: the loss is the logarithm of 2. The warm-up's step has a
    # rate of 0, so the second is the same.
    assert losses == pytest.approx([0.693147, 0.693147], abs=1e-4)


def test_validation_rows_are_looked_at_before_the_first_step(dpo):
    rows = rows_as_text([PREFERENCES["answers"]] * 6)
    _, status = dpo({"training.jsonl": rows, "validation.jsonl": rows}, learning_rate=1e-2)
    losses = status["steps"][1]["tasks"][0]["status_details"]["metrics"]["val_loss"]
    assert losses[0] == {"step": 0, "epoch": 0, "value": pytest.approx(0.693147, abs=1e-5)} and losses[-1]["step"] == 2, losses


def test_a_dpo_job_learns_what_is_preferred(dpo):
    _, status = dpo({"training.jsonl": rows_as_text([PREFERENCES["answers"]] * 6)}, max_steps=6, epochs=2, learning_rate=1e-2)
    details = status["steps"][1]["tasks"][0]["status_details"]
    assert details["step"] == 6 and details["train_loss"] < 0.5, details


def test_rows_of_the_other_kind_of_training_are_refused_with_what_to_do(api, default, spec, dpo):
    _, status = dpo({"training.jsonl": rows_as_text()}, "error")
    message = status["error_details"]["message"]
    assert "training.jsonl: row 1: these rows are prompts and completions" in message and "needs preferences" in message, message
    name = unique("pairs")
    upload(api, default, name, {"training.jsonl": rows_as_text([PREFERENCES["answers"]] * 3)})
    made = api.post(default.customization, {"spec": spec(dataset=f"fileset://default/{name}")}).json()
    message = ended(api, default, made["name"], status="error")["error_details"]["message"]
    assert "training.jsonl: row 1: these rows are preferences" in message and "training.type dpo" in message, message


def test_a_bad_preference_is_an_error_of_the_job_with_file_and_line(dpo):
    rows = [PREFERENCES["answers"], PREFERENCES["answers"] | {"rejected": None}]
    message = dpo({"training.jsonl": rows_as_text(rows)}, "error")[1]["error_details"]["message"]
    assert 'training.jsonl: row 2: "rejected" is missing' in message, message
