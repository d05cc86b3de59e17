#!/usr/bin/env python3
"""Records what PEFT computes with use_dora: logits, loss, gradients, merged weights, and some steps of training.

    make_dora_goldens.py     run from the root of the tree, with torch, transformers and peft installed

The bases are those of tests/golden/train and tests/golden/families, which must be there; rows are run one by one.
"""
import json, shutil
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

GOLDEN = Path("tests/golden")
OUT = GOLDEN / "dora"
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Attention and feed-forward biases, a fused layer, an output head with and without weights of its own, ranks and scales of all kinds.
CASES = {
    "tied": ("train/tied", dict(target_modules=ALL)),
    "biased": ("train/biased", dict(target_modules=[*ALL, "lm_head"], use_rslora=True, r=3)),
    "part": ("train/biased", dict(target_modules=["q_proj", "v_proj", "down_proj"], rank_pattern={"v_proj": 2}, alpha_pattern={"q_proj": 32})),
    "fused": ("families/phi3-longrope", dict(target_modules="all-linear")),
    "around": ("families/gemma2", dict(target_modules="all-linear")),
}


def save(tensors, name):
    save_file({k: v.detach().float().clone().contiguous() for k, v in tensors.items()}, OUT / name)


def base_of(path):
    return AutoModelForCausalLM.from_pretrained(GOLDEN / path, dtype=torch.float32, attn_implementation="eager")


def parameter_name(name):
    """As PEFT's file has it."""
    return name.replace(".default.weight", "" if "magnitude" in name else ".weight")


def adapted(path, changes, seed=5):
    torch.manual_seed(seed)
    model = get_peft_model(base_of(path), LoraConfig(**{**dict(r=4, lora_alpha=8, use_dora=True, task_type="CAUSAL_LM"), **changes})).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.copy_(torch.randn_like(p) * 0.1)
            if "magnitude" in name:  # so far from the norm that the two cannot be taken for one another
                p.mul_(1 + 0.2 * torch.randn_like(p))
    return model


def rows_of(path):
    if path.startswith("families"):
        rows = json.loads((GOLDEN / path / "cases.json").read_text())["loss"]["rows"]
        return [{"input_ids": r["tokens"], "labels": r["labels"]} for r in rows]
    return [json.loads(line) for line in open(GOLDEN / "train/rows.jsonl")]


def loss_sum(model, rows):
    total, tokens = 0.0, 0
    for row in rows:
        logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
        labels = torch.tensor(row["labels"])[1:]
        total = total + torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
        tokens += int((labels != -100).sum())
    return total, tokens


def trained(model):
    return {parameter_name(n): p for n, p in model.named_parameters() if p.requires_grad}


def passes():
    answers = {}
    for name, (path, changes) in CASES.items():
        model, rows = adapted(path, changes), rows_of(path)
        model.save_pretrained(OUT / name)
        (OUT / name / "README.md").unlink(missing_ok=True)
        total, tokens = loss_sum(model, rows)
        (total / tokens).backward()
        save({n: p.grad for n, p in trained(model).items()}, f"{name}.gradients.safetensors")
        sequences = [r["input_ids"] for r in rows[:3]]
        with torch.no_grad():
            save({f"logits.{i}": model(input_ids=torch.tensor([ids])).logits[0] for i, ids in enumerate(sequences)}, f"{name}.logits.safetensors")
        answers[name] = {"base": path, "loss": total.item() / tokens, "tokens": tokens, "rows": rows, "sequences": sequences}
    (OUT / "cases.json").write_text(json.dumps(answers) + "\n")
    merged = adapted(*CASES["part"]).merge_and_unload().state_dict()
    save({n: merged[n] for n in ("model.layers.1.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight")}, "part.merged.safetensors")
    new = get_peft_model(base_of("train/biased"), LoraConfig(r=4, use_dora=True, target_modules=ALL))
    save({n: p for n, p in trained(new).items() if "magnitude" in n}, "new.magnitudes.safetensors")


def curve(name, plus=None):
    """By transformers' Trainer, which decays what it decays."""
    rows = [json.loads(line) for line in open(GOLDEN / "train/curve.rows.jsonl")]
    config = {"method": "lora", "lora": {"r": 4, "alpha": 8, "target_modules": "all-linear", "use_dora": True}, "schedule": "constant",
              "max_steps": 10, "batch_size": 2, "gradient_accumulation": 2, "learning_rate": 5e-3, "warmup_steps": 2, "betas": [0.9, 0.99],
              "eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0, "max_seq_length": 64}
    model = adapted(*CASES["tied"])
    arguments = TrainingArguments(
        output_dir="/tmp/trainer", max_steps=config["max_steps"], per_device_train_batch_size=2, gradient_accumulation_steps=2,
        learning_rate=config["learning_rate"], warmup_steps=2, lr_scheduler_type="constant_with_warmup", adam_beta1=0.9, adam_beta2=0.99,
        adam_epsilon=1e-8, weight_decay=0.1, max_grad_norm=1.0, optim="adamw_torch", train_sampling_strategy="sequential", logging_steps=1,
        save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False, remove_unused_columns=False)
    optimiser = None
    if plus:
        config["lora"]["loraplus_lr_ratio"] = plus
        optimiser = create_loraplus_optimizer(model, torch.optim.AdamW, lr=config["learning_rate"], loraplus_lr_ratio=plus,
                                              loraplus_weight_decay=0.1, betas=(0.9, 0.99), eps=1e-8)

    def padded(batch):
        width = max(len(row["input_ids"]) for row in batch)
        return {m: torch.tensor([row[m] + [-100 if m == "labels" else 0] * (width - len(row[m])) for row in batch]) for m in batch[0]}

    said = []
    trainer = Trainer(model=model, args=arguments, data_collator=padded, train_dataset=rows, optimizers=(optimiser, None))
    trainer.log = lambda logs, *_: said.append(logs)
    trainer.train()
    steps = [{"loss": logs["loss"], "grad_norm": logs["grad_norm"]} for logs in said if "loss" in logs]
    save(trained(model), f"{name}.safetensors")
    (OUT / f"{name}.json").write_text(json.dumps({"config": config, "curve": steps}) + "\n")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    passes()
    curve("curve")
    curve("curve.plus", plus=4.0)
    shutil.rmtree("/tmp/trainer", ignore_errors=True)
