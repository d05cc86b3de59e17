"""Section 10.6: training embedding models, in the classic form and by automodel."""

import json

import pytest
from support import analysed, automodel, ended, rows_as_text, says, tiny_files, unique, unsloth, upload

TRIPLES = [{"query": f"What is {n}?", "pos_doc": f"It is {n}.", "neg_doc": ["It is red.", f"It is not {n}."]} for n in range(12)]


@pytest.fixture(scope="module")
def embedder(api, default):
    """The tiny model with the file that makes it an embedding model."""
    pooling = {"word_embedding_dimension": 64, "pooling_mode_mean_tokens": True}
    return analysed(api, default, unique("retriever"), tiny_files() | {"1_Pooling/config.json": json.dumps(pooling)})


@pytest.fixture(scope="module")
def triples(api, default):
    name = unique("triples")
    upload(api, default, name, {"training.jsonl": rows_as_text(TRIPLES)})
    return name


@pytest.mark.parametrize("peft, kind", [(None, "all_weights"), ({"type": "lora", "rank": 4, "merge": True}, "lora_merged")])
def test_an_embedding_model_is_trained_on_triples_and_becomes_a_model(api, default, spec, embedder, triples, peft, kind):
    members = {"peft": peft, "max_steps": 8, "epochs": 8, "batch_size": 4, "learning_rate": 1e-2}
    wish = spec(members, model=f"default/{embedder}", dataset=f"fileset://default/{triples}")
    made = api.post(default.customization, {"spec": wish}).json()
    assert made["spec"]["output"]["type"] == "model"
    losses = [p["value"] for p in ended(api, default, made["name"])["steps"][1]["tasks"][0]["status_details"]["metrics"]["train_loss"]]
    assert len(losses) == 8 and losses[-1] < losses[0], losses
    model = api.get(f"{default.models}/{made['spec']['output']['name']}").json()
    assert model["finetuning_type"] == kind and model["base_model"] == f"default/{embedder}"


def test_automodel_merges_the_adapter_of_an_embedding_model(api, default, embedder, triples):
    made = api.post(default.automodel, {"spec": automodel(embedder, triples)}).json()
    assert made["spec"]["output"]["type"] == "model"
    ended(api, default, made["name"])
    assert api.get(f"{default.models}/{made['spec']['output']['name']}").json()["finetuning_type"] == "lora_merged"


def test_an_unmerged_adapter_of_an_embedding_model_is_refused(refused, spec, embedder, triples):
    says(refused(spec(model=f"default/{embedder}", dataset=f"fileset://default/{triples}")), "embedding model", "merge: true")


def test_other_trainings_of_an_embedding_model_are_refused(refused, default, spec, embedder, triples):
    says(refused(spec({"type": "dpo", "peft": None}, model=f"default/{embedder}")), "embedding model")
    says(refused(unsloth(embedder, triples), default.unsloth), "embedding model")


def test_rows_and_model_must_be_for_the_same(api, default, spec, base_model, embedder, dataset, triples):
    for model, rows, text in (
        (base_model, triples, "these rows are for embedding models"),
        (embedder, dataset, "the model is an embedding model, which is trained on query, pos_doc and neg_doc"),
    ):
        wish = spec({"peft": None}, model=f"default/{model}", dataset=f"fileset://default/{rows}")
        made = api.post(default.customization, {"spec": wish}).json()
        message = ended(api, default, made["name"], status="error")["error_details"]["message"]
        assert text in message and "training.jsonl: row 1" in message, message
