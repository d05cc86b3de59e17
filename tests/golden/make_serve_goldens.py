#!/usr/bin/env python3
"""Makes tests/golden/serve/generate.json and embed.json: what transformers and PEFT generate and embed with the tiny models.

    make_serve_goldens.py          needs torch, transformers and peft; make_checkpoint_goldens.py has made the models

Greedy, in f32, with the end token treated like any other (the tests ask for ignore_eos). A prompt whose two best logits ever come
closer than MARGIN is left out, since the order of additions may decide it; the seeds are fixed, so the files come out the same.
"""
import json
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

GOLDEN = Path(__file__).parent
MODELS, CHECKPOINT, OUT = GOLDEN / "models", GOLDEN / "checkpoint", GOLDEN / "serve"
LENGTHS, NEW, MARGIN = (1, 2, 15, 16, 17, 40, 130, 300), 24, 2e-3
CASES = [("models/llama-tiny", None), ("models/llama-tiny", "models/llama-tiny-adapter"), ("models/llama-tiny-untied", None),
         ("checkpoint/llama-biased-f16", None), ("models/llama-tiny", "checkpoint/adapter-bf16"), ("models/llama-tiny", "checkpoint/adapter-regex"),
         ("models/llama-tiny", "checkpoint/adapter-lm-head"), ("models/llama-tiny", "checkpoint/adapter-patterns")]
TEXTS = ["The capital of France is Paris.", "a", "What is the name of the artifact? It is the lantern. " * 8]


@torch.no_grad()
def greedy(model, prompt):
    ids, margin = list(prompt), float("inf")
    for _ in range(NEW):
        top = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(2)
        margin = min(margin, float(top.values[0] - top.values[1]))
        ids.append(int(top.indices[0]))
    return ids[len(prompt):], margin


def load(base, adapter):
    model = AutoModelForCausalLM.from_pretrained(GOLDEN / base, dtype=torch.float32).eval()
    return PeftModel.from_pretrained(model, GOLDEN / adapter).eval() if adapter else model


def main():
    OUT.mkdir(exist_ok=True)
    rows = []
    for base, adapter in CASES:
        model, random = load(base, adapter), torch.Generator().manual_seed(11)
        vocabulary = model.config.vocab_size
        for length in LENGTHS:
            for _ in range(2):
                prompt = torch.randint(3, vocabulary, (length,), generator=random).tolist()
                new, margin = greedy(model, prompt)
                if margin >= MARGIN:
                    rows.append({"model": base, "adapter": adapter, "prompt": prompt, "new": new})
    (OUT / "generate.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(len(rows), "of", len(CASES) * len(LENGTHS) * 2)

    model, tokenizer = load("models/llama-tiny", None), AutoTokenizer.from_pretrained(MODELS / "llama-tiny")
    rows = []
    for text in TEXTS:
        with torch.no_grad():
            hidden = model.model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        rows.append({"text": text, "vector": torch.nn.functional.normalize(hidden.mean(0), dim=0).tolist()})
    (OUT / "embed.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
