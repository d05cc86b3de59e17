#!/usr/bin/env python3
"""What luthier train makes of embedding models, loaded by transformers and PEFT: luthier embed's vectors, and the same recall and nDCG.

    embeddings.py LUTHIER          run from the repository's root
"""
import json, math, shutil, subprocess, sys, tempfile, warnings
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from asking import check, end, luthier, within

LUTHIER = sys.argv[1]
GOLDEN = Path("tests/golden")
VECTOR = 1e-4  # largest difference of a vector's member; their length is 1
# Name, way of pooling, whether transformers' own class of it has a head, and as what a decoder without one is published: "bare", or under the
# name of the class that has one.
CASES = [("bert", "cls_token", False, None), ("bert", "mean_tokens", False, None), ("qwen3", "lasttoken", True, None),
         ("gemma3", "mean_tokens", True, None), ("qwen3", "lasttoken", False, "bare"), ("qwen3", "lasttoken", False, "Qwen3ForCausalLM"),
         ("mistral", "mean_tokens", False, "MistralForCausalLM")]
TEXTS = ["w1", "w5 w7 w9 w11", " ".join(f"w{i}" for i in range(40)), "w3 w3 w3", "unknown w2"]


def base_of(directory, name, mode, form):
    model = directory / f"{name}-{mode}"
    (model / "1_Pooling").mkdir(parents=True)
    if form:
        AutoModel.from_pretrained(GOLDEN / "families" / name, dtype=torch.float32).save_pretrained(model)
        if form != "bare":
            config = json.loads((model / "config.json").read_text())
            (model / "config.json").write_text(json.dumps(config | {"architectures": [form], "tie_word_embeddings": False}))
    else:
        for file in ("config.json", "model.safetensors"):
            shutil.copy(GOLDEN / "families" / name / file, model)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(GOLDEN / "contrastive" / file, model)
    (model / "1_Pooling/config.json").write_text(json.dumps({f"pooling_mode_{mode}": True}))
    (model / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "query : ", "document": "w9 "}}))
    return model


def train(base, out, **config):
    config |= {"max_steps": 4, "batch_size": 4, "learning_rate": 5e-3, "contrastive": {"temperature": 0.1, "negatives": 2}}
    path = out.parent / f"{out.name}.json"
    path.write_text(json.dumps(config))
    luthier(LUTHIER, "train", "--model", base, "--data", GOLDEN / "contrastive/rows.jsonl", "--config", path, "--out", out,
            "--progress", "json")
    return out


def our_vectors(arguments, texts, kind):
    command = [LUTHIER, "embed", *map(str, arguments), "--input-type", kind]
    done = subprocess.run(command, input="".join(t + "\n" for t in texts), stdout=subprocess.PIPE, text=True, check=True)
    return torch.tensor([json.loads(line) for line in done.stdout.splitlines()])


def loaded(path, head):
    model, info = (AutoModelForCausalLM if head else AutoModel).from_pretrained(path, dtype=torch.float32, output_loading_info=True)
    # BERT's own pooler is no part of these vectors, and not kept.
    missing = [key for key in info["missing_keys"] if not key.startswith("pooler.")]
    assert not missing and not info["unexpected_keys"], (path, info)
    return model.eval()


def their_vectors(model, tokenizer, prefix, mode, texts):
    vectors = []
    with torch.no_grad():
        for text in texts:
            tokens = tokenizer(prefix + text, return_tensors="pt", return_token_type_ids=False)
            states = model(**tokens, output_hidden_states=True).hidden_states[-1][0]
            pooled = {"cls_token": states[0], "mean_tokens": states.mean(0), "lasttoken": states[-1]}[mode]
            vectors.append(torch.nn.functional.normalize(pooled, dim=0))
    return torch.stack(vectors)


def their_retrieval(model, tokenizer, mode):
    queries, documents = {}, {}
    for line in open(GOLDEN / "contrastive/held-out.jsonl"):
        row = json.loads(line)
        documents |= dict.fromkeys([row["pos_doc"], *row["neg_doc"]])
        queries.setdefault(row["query"], set()).add(row["pos_doc"])
    names = list(documents)
    scores = their_vectors(model, tokenizer, "query : ", mode, queries) @ their_vectors(model, tokenizer, "w9 ", mode, names).T
    recall, ndcg = 0.0, 0.0
    for relevant, row in zip(queries.values(), scores):
        order = [names[i] for i in torch.argsort(row, descending=True, stable=True)]
        recall += len(relevant & set(order[:3])) / len(relevant) / len(queries)
        best = sum(1 / math.log2(2 + i) for i in range(len(relevant)))
        ndcg += sum(1 / math.log2(2 + i) for i, d in enumerate(order[:10]) if d in relevant) / best / len(queries)
    return recall, ndcg


def judge(directory, name, mode, head, form):
    what = f"{name}, {mode}" + (f", {form}" if form else "")
    base = base_of(directory, name, mode, form)
    tokenizer = AutoTokenizer.from_pretrained(base)
    adapter = train(base, directory / f"{name}-{mode}-adapter", method="lora")
    merged = train(base, directory / f"{name}-{mode}-merged", method="lora", merge=True)
    full = train(base, directory / f"{name}-{mode}-full", method="full")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        models = {"adapter": PeftModel.from_pretrained(loaded(base, head), adapter).eval()}
    models |= {"merged": loaded(merged, head), "full": loaded(full, head)}
    check(f"{what}: the adapter's task", models["adapter"].peft_config["default"].task_type == "FEATURE_EXTRACTION")
    before = their_vectors(loaded(base, head), tokenizer, "", mode, TEXTS)
    for kind, model in models.items():
        alone = ["--model", directory / f"{name}-{mode}-{kind}"]
        arguments = ["--model", base, "--adapter", adapter] if kind == "adapter" else alone
        for text_kind, prefix in (("query", "query : "), ("passage", "w9 ")):
            theirs = their_vectors(model, tokenizer, prefix, mode, TEXTS)
            apart = (our_vectors(arguments, TEXTS, text_kind) - theirs).abs().max().item()
            within(f"{what}, {kind}, {text_kind}", difference=(apart, VECTOR))
        check(f"{what}, {kind}: it was trained", (their_vectors(model, tokenizer, "", mode, TEXTS) - before).abs().max() > 1e-3)
        held_out = GOLDEN / "contrastive/held-out.jsonl"
        ours = json.loads(luthier(LUTHIER, "eval-embedding", *arguments, "--data", held_out, "--k", "3", "--json"))
        recall, ndcg = their_retrieval(model, tokenizer, mode)
        within(f"{what}, {kind}, retrieval", recall=(abs(ours["recall@3"] - recall), 1e-9), ndcg=(abs(ours["ndcg@10"] - ndcg), 1e-9))


with tempfile.TemporaryDirectory() as temporary:
    for number, case in enumerate(CASES):
        judge(Path(temporary) / str(number), *case)
end()
