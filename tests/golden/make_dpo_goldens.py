#!/usr/bin/env python3
"""Records runs of preference optimisation and of distillation in plain torch, for the tests of gpu/train.

    make_dpo_goldens.py [PART ...]     run from the root of the tree after make_train_goldens.py, with the same packages
"""
import json, random, sys

import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from make_train_goldens import OUT, adapted, make_model, peft_name, rate, save

COMMON = {"max_steps": 12, "batch_size": 2, "gradient_accumulation": 2, "min_learning_rate": 1e-4, "warmup_steps": 2, "schedule": "linear",
          "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0, "max_seq_length": 64}
LORA = {"method": "lora", "lora": {"r": 4, "alpha": 8, "target_modules": "all-linear"}, "learning_rate": 1e-3}


def plain(name):
    return LlamaForCausalLM.from_pretrained(OUT / name, dtype=torch.float32, attn_implementation="eager")


def train(model, rows, config, loss_of, weight_of, tokens_of):
    """The curve of AdamW over the mean loss of each step's rows."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW([{"params": [p for _, p in named if p.dim() != 1], "weight_decay": config["weight_decay"]},
                                   {"params": [p for _, p in named if p.dim() == 1], "weight_decay": 0.0}],
                                  betas=tuple(config["betas"]), eps=config["eps"])
    size = config["batch_size"] * config["gradient_accumulation"]
    starts = list(range(0, len(rows), size))
    curve = []
    for step in range(config["max_steps"]):
        batch = rows[starts[step % len(starts)]:][:size]
        optimiser.zero_grad()
        for group in optimiser.param_groups:
            group["lr"] = rate(config, step)
        loss = sum(loss_of(row) for row in batch) / sum(weight_of(row) for row in batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for _, p in named], config["max_grad_norm"])
        optimiser.step()
        curve.append({"step": step + 1, "loss": loss.item(), "grad_norm": norm.item(), "lr": rate(config, step),
                      "tokens": sum(tokens_of(row) for row in batch)})
    return curve


def words(draw):
    return " ".join(draw.choice(["red", "blue", "seven", "a dog", "why", "the sea", "no", "yes!", "12"]) for _ in range(draw.randint(1, 4)))


def dpo():
    """An adapter against its base, and all weights against a frozen copy."""
    draw = random.Random(7)
    rows = [{"prompt": words(draw) + "?", "chosen": words(draw), "rejected": words(draw)} for _ in range(6)]
    (OUT / "dpo.rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    tokenizer = AutoTokenizer.from_pretrained(OUT / "tied")

    def rendered(messages, prompt):
        return tokenizer.encode(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt), add_special_tokens=False)

    def encoded(row, answer):
        user = {"role": "user", "content": row["prompt"]}
        return rendered([user, {"role": "assistant", "content": row[answer]}], False), len(rendered([user], True))

    def log_probability(model, row, answer):
        ids, begin = encoded(row, answer)
        of_next = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0, :-1], -1)
        return of_next.gather(-1, torch.tensor(ids)[1:, None])[begin - 1:].sum()

    answers = ("chosen", "rejected")
    for name, model, reference, config in (
            ("lora", adapted("tied", 5), plain("tied"), {**LORA, **COMMON, "dpo": {"beta": 0.3}}),
            ("full", plain("biased"), plain("biased"), {"method": "full", "learning_rate": 5e-4, **COMMON, "dpo": {"beta": 0.1}})):
        with torch.no_grad():
            before = [{a: log_probability(reference, row, a) for a in answers} for row in rows]

        def loss_of(row):
            at = rows.index(row)
            chosen, rejected = (log_probability(model, row, a) - before[at][a] for a in answers)
            return -torch.nn.functional.logsigmoid(config["dpo"]["beta"] * (chosen - rejected))

        curve = train(model, rows, config, loss_of, lambda row: 1, lambda row: sum(len(encoded(row, a)[0]) for a in answers))
        save({peft_name(n): p for n, p in model.named_parameters() if p.requires_grad}, f"dpo.{name}.safetensors")
        (OUT / f"dpo.{name}.json").write_text(json.dumps({"config": config, "curve": curve}, indent=1) + "\n")


def distillation():
    """An adapter that learns from labels and from another model."""
    rows = [json.loads(line) for line in open(OUT / "curve.rows.jsonl")]
    config = {**LORA, **COMMON, "distillation": {"temperature": 2.0, "mixing": 0.7}}
    teacher = make_model("teacher", 11, hidden_size=16, intermediate_size=24, num_attention_heads=2, num_key_value_heads=1)
    model = adapted("tied", 5)
    t, mixing = config["distillation"]["temperature"], config["distillation"]["mixing"]

    def loss_of(row):
        labels = torch.tensor(row["labels"])[1:]
        kept = labels != -100
        own = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1][kept]
        with torch.no_grad():
            taught = teacher(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1][kept]
        divergence = torch.nn.functional.kl_div(torch.log_softmax(own / t, -1), torch.softmax(taught / t, -1), reduction="sum")
        return (1 - mixing) * torch.nn.functional.cross_entropy(own, labels[kept], reduction="sum") + mixing * t * t * divergence

    curve = train(model, rows, config, loss_of, lambda row: sum(x != -100 for x in row["labels"][1:]), lambda row: len(row["input_ids"]))
    save({peft_name(n): p for n, p in model.named_parameters() if p.requires_grad}, "distillation.safetensors")
    (OUT / "distillation.json").write_text(json.dumps({"config": config, "curve": curve}, indent=1) + "\n")


PARTS = {"dpo": dpo, "distillation": distillation}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
