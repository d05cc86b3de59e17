#!/usr/bin/env python3
"""Records what transformers and PEFT compute for a tiny Llama, for the tests of gpu/kernels, gpu/model and gpu/train.

    make_train_goldens.py [PART ...]     run from the root of the tree, with torch, transformers and peft installed

Rows are run one by one, so that the judge's numbers depend on neither padding nor packing.
"""
import json, math, shutil, sys
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

OUT = Path("tests/golden/train")


def rope():
    theta = 10000.0
    half = 16
    kinds = [
        {"rope_type": "default", "rope_theta": 100000.0},
        {"rope_type": "linear", "rope_theta": theta, "factor": 4.0},
        {"rope_type": "dynamic", "rope_theta": theta, "factor": 2.0},
        {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 64},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 4.0, "original_max_position_embeddings": 64},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 32.0, "original_max_position_embeddings": 64,
         "beta_fast": 16.0, "beta_slow": 2.0, "truncate": False},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 40.0, "original_max_position_embeddings": 64,
         "mscale": 1.0, "mscale_all_dim": 0.8},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 4.0, "original_max_position_embeddings": 64,
         "attention_factor": 1.3},
        {"rope_type": "longrope", "rope_theta": theta, "original_max_position_embeddings": 64,
         "short_factor": [1.0 + 0.01 * j for j in range(half)], "long_factor": [1.0 + 0.5 * j for j in range(half)]},
        {"rope_type": "longrope", "rope_theta": theta, "original_max_position_embeddings": 64, "factor": 3.0,
         "short_factor": [1.0] * half, "long_factor": [2.0 + j for j in range(half)]},
    ]
    cases = []
    for parameters in kinds:
        for length in (40, 200, 500):
            config = LlamaConfig(hidden_size=64, num_attention_heads=2, head_dim=32, max_position_embeddings=256,
                                 rope_parameters=dict(parameters))
            embedding = LlamaRotaryEmbedding(config)
            embedding(torch.zeros(1), torch.arange(length)[None])  # as if this sequence were alone
            cases.append({"rope": parameters, "head_dim": 32, "max_position_embeddings": 256, "length": length,
                          "inverse_frequencies": [float(x) for x in embedding.inv_freq],
                          "attention_scale": float(embedding.attention_scaling)})
    (OUT / "rope.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")



IDS_MAX = 288


def save(tensors, name):
    save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, OUT / name)


def make_model(name, seed, **changes):
    """A random Llama, small enough to keep, with weights large enough that every part of it matters."""
    torch.manual_seed(seed)
    config = LlamaConfig(**{**dict(vocab_size=IDS_MAX, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                   num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
                                   tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=2,
                                   rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), **changes})
    model = LlamaForCausalLM(config).float()
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * 0.2 + (1.0 if "norm" in key else 0.0))
    model.save_pretrained(OUT / name)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path("tests/golden/models/llama-tiny") / file, OUT / name / file)
    (OUT / name / "generation_config.json").unlink(missing_ok=True)
    return LlamaForCausalLM.from_pretrained(OUT / name, dtype=torch.float32, attn_implementation="eager")


def make_rows(count, seed, longest=24, share=0.5):
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        length = int(draw.integers(3, longest + 1))
        ids = [int(x) for x in draw.integers(3, IDS_MAX, length)]
        labels = [i if draw.random() < share else -100 for i in ids]
        labels[-1] = ids[-1]  # at least one
        rows.append({"input_ids": ids, "labels": labels})
    return rows


def write_rows(rows, name):
    (OUT / name).write_text("".join(json.dumps(r) + "\n" for r in rows))


def loss_sum(model, rows):
    """Each row alone, so that nothing depends on padding. Sum of the losses and how many tokens carried one."""
    total, tokens = 0.0, 0
    for row in rows:
        logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
        labels = torch.tensor(row["labels"])[1:]
        total = total + torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
        tokens += int((labels != -100).sum())
    return total, tokens


def gradients(model, rows, name_of=lambda n: n):
    model.zero_grad()
    total, tokens = loss_sum(model, rows)
    (total / tokens).backward()
    return {"loss": total.item() / tokens, "tokens": tokens}, \
        {name_of(n): p.grad for n, p in model.named_parameters() if p.requires_grad}


def full():
    """Logits, loss and every gradient of a tied model, and of an untied one with biases and stretched rope."""
    rows = make_rows(5, 1)
    write_rows(rows, "rows.jsonl")
    biased = dict(num_attention_heads=2, num_key_value_heads=1, head_dim=20, attention_bias=True, mlp_bias=True,
                  tie_word_embeddings=False, max_position_embeddings=64,
                  rope_parameters={"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0,
                                   "high_freq_factor": 4.0, "original_max_position_embeddings": 16})
    answers = {}
    for name, changes in (("tied", {}), ("biased", biased)):
        model = make_model(name, 3, **changes)
        answers[name], grads = gradients(model, rows)
        save(grads, f"{name}.gradients.safetensors")
        with torch.no_grad():
            save({f"logits.{i}": model(input_ids=torch.tensor([r["input_ids"]])).logits[0] for i, r in enumerate(rows[:3])},
                 f"{name}.logits.safetensors")
    (OUT / "full.json").write_text(json.dumps(answers, indent=1) + "\n")


def stretched():
    """Logits of the tied model under each rope scaling, for sequences below and above the trained length."""
    cases, tensors = [], {}
    for parameters in (
            {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
            {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0},
            {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16},
            {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 16,
             "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.0, 2.0, 3.0, 4.0], "factor": 4.0}):
        config = LlamaConfig.from_pretrained(OUT / "tied")
        config.rope_parameters = dict(parameters)
        for length in (12, 80):
            model = LlamaForCausalLM.from_pretrained(OUT / "tied", config=config, dtype=torch.float32,
                                                     attn_implementation="eager")
            ids = [int(x) for x in np.random.default_rng(length).integers(3, IDS_MAX, length)]
            with torch.no_grad():
                tensors[f"logits.{len(cases)}"] = model(input_ids=torch.tensor([ids])).logits[0, -2:]
            cases.append({"rope": parameters, "ids": ids})
    save(tensors, "stretched.logits.safetensors")
    (OUT / "stretched.json").write_text(json.dumps(cases) + "\n")


def adapted(base, seed, **changes):
    torch.manual_seed(seed)
    config = LoraConfig(**{**dict(r=4, lora_alpha=8, lora_dropout=0.0, task_type="CAUSAL_LM",
                                  target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
                                                  "down_proj"]), **changes})
    model = get_peft_model(LlamaForCausalLM.from_pretrained(OUT / base, dtype=torch.float32,
                                                            attn_implementation="eager"), config)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_B" in key:
                p.copy_(torch.randn_like(p) * 0.1)
    return model


def peft_name(name):
    return name.replace(".default", "")


def lora():
    """Loss and the gradients of A and B, for adapters on everything, on a part with unlike ranks, and on the top only."""
    rows = [json.loads(line) for line in open(OUT / "rows.jsonl")]
    answers = {}
    for name, base, changes in (
            ("lora-all", "tied", {}),
            ("lora-biased", "biased", {"use_rslora": True, "r": 3}),
            ("lora-part", "tied", {"target_modules": ["q_proj", "v_proj", "down_proj"], "rank_pattern": {"v_proj": 2},
                                   "alpha_pattern": {"q_proj": 32}}),
            ("lora-top", "tied", {"target_modules": ["gate_proj", "down_proj"], "layers_to_transform": [1]})):
        model = adapted(base, 5, **changes)
        model.save_pretrained(OUT / name)
        (OUT / name / "README.md").unlink(missing_ok=True)
        answers[name], grads = gradients(model, rows, peft_name)
        answers[name]["base"] = base
        save(grads, f"{name}.gradients.safetensors")
    (OUT / "lora.json").write_text(json.dumps(answers, indent=1) + "\n")


def rate(config, step):
    base, low, warmup = config["learning_rate"], config["min_learning_rate"], config["warmup_steps"]
    if step < warmup:
        return base * step / warmup
    done = (step - warmup) / max(1, config["max_steps"] - warmup)
    if config["schedule"] == "constant":
        return base
    return low + (base - low) * (0.5 * (1 + math.cos(math.pi * done)) if config["schedule"] == "cosine" else 1 - done)


def curve_of(model, rows, config):
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in named if p.dim() == 1]
    decayed = [p for n, p in named if p.dim() != 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": config["weight_decay"]},
                                   {"params": plain, "weight_decay": 0.0}], betas=tuple(config["betas"]), eps=config["eps"])
    size = config["batch_size"] * config["gradient_accumulation"]
    curve = []
    while len(curve) < config["max_steps"]:
        for at in range(0, len(rows), size):
            optimiser.zero_grad()
            for group in optimiser.param_groups:
                group["lr"] = rate(config, len(curve))
            total, tokens = loss_sum(model, rows[at:at + size])
            (total / tokens).backward()
            norm = torch.nn.utils.clip_grad_norm_([p for _, p in named], config["max_grad_norm"])
            optimiser.step()
            curve.append({"step": len(curve) + 1, "loss": total.item() / tokens, "grad_norm": norm.item(),
                          "lr": rate(config, len(curve)), "tokens": sum(len(r["input_ids"]) for r in rows[at:at + size])})
            if len(curve) == config["max_steps"]:
                break
    return curve


def curves():
    """20 steps of training, step by step, and where they end."""
    rows = make_rows(10, 2)
    write_rows(rows, "curve.rows.jsonl")
    common = {"max_steps": 20, "batch_size": 2, "gradient_accumulation": 2, "min_learning_rate": 1e-4, "warmup_steps": 4,
              "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0, "max_seq_length": 64}
    lora_config = {"method": "lora", "lora": {"r": 4, "alpha": 8, "target_modules": "all-linear"}, "schedule": "cosine",
                   "learning_rate": 5e-3, **common}
    model = adapted("tied", 5)
    curve = curve_of(model, rows, lora_config)
    save({peft_name(n): p for n, p in model.named_parameters() if p.requires_grad}, "curve.lora.safetensors")
    (OUT / "curve.lora.json").write_text(json.dumps({"config": lora_config, "curve": curve}, indent=1) + "\n")

    full_config = {"method": "full", "schedule": "linear", "learning_rate": 2e-3, **common}
    model = LlamaForCausalLM.from_pretrained(OUT / "biased", dtype=torch.float32, attn_implementation="eager")
    curve = curve_of(model, rows, full_config)
    save(dict(model.named_parameters()), "curve.full.safetensors")
    (OUT / "curve.full.json").write_text(json.dumps({"config": full_config, "curve": curve}, indent=1) + "\n")


def loraplus():
    """The LoRA curve's first steps again, with B learning faster: PEFT's own optimiser."""
    from peft.optimizers import create_loraplus_optimizer
    rows = [json.loads(line) for line in open(OUT / "curve.rows.jsonl")]
    config = json.load(open(OUT / "curve.lora.json"))["config"]
    config["lora"]["loraplus_lr_ratio"] = 4.0
    config["learning_rate"] = 2e-3
    config["max_steps"] = 12
    model = adapted("tied", 5)
    optimiser = create_loraplus_optimizer(model, torch.optim.AdamW, lr=1.0, loraplus_lr_ratio=4.0, loraplus_weight_decay=config["weight_decay"],
                                          betas=tuple(config["betas"]), eps=config["eps"])
    factors = [group["lr"] for group in optimiser.param_groups]
    size = config["batch_size"] * config["gradient_accumulation"]
    starts = list(range(0, len(rows), size))
    curve = []
    for step in range(config["max_steps"]):
        at = starts[step % len(starts)]
        optimiser.zero_grad()
        for group, factor in zip(optimiser.param_groups, factors):
            group["lr"] = rate(config, step) * factor
        total, tokens = loss_sum(model, rows[at:at + size])
        (total / tokens).backward()
        norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], config["max_grad_norm"])
        optimiser.step()
        curve.append({"step": step + 1, "loss": total.item() / tokens, "grad_norm": norm.item(), "lr": rate(config, step),
                      "tokens": sum(len(r["input_ids"]) for r in rows[at:at + size])})
    save({peft_name(n): p for n, p in model.named_parameters() if p.requires_grad}, "curve.loraplus.safetensors")
    (OUT / "curve.loraplus.json").write_text(json.dumps({"config": config, "curve": curve}, indent=1) + "\n")


def schedules():
    """The rates that transformers' get_scheduler gives, step by step."""
    from transformers import get_scheduler
    cases = []
    for name, schedule, steps, warmup, low in (
            ("constant", "constant", 6, 0, 0.0), ("constant_with_warmup", "constant", 9, 4, 0.0),
            ("linear", "linear", 10, 0, 0.0), ("linear", "linear", 13, 3, 0.0),
            ("cosine", "cosine", 10, 0, 0.0), ("cosine", "cosine", 17, 5, 0.0), ("cosine", "cosine", 4, 9, 0.0),
            ("cosine_with_min_lr", "cosine", 12, 2, 1e-4)):
        optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
        more = {"scheduler_specific_kwargs": {"min_lr": low}} if low else {}
        scheduler = get_scheduler(name, optimiser, num_warmup_steps=warmup, num_training_steps=steps, **more)
        rates = []
        for _ in range(steps):
            rates.append(scheduler.get_last_lr()[0])
            optimiser.step()
            scheduler.step()
        cases.append({"config": {"schedule": schedule, "learning_rate": 1e-3, "min_learning_rate": low, "warmup_steps": warmup,
                                 "max_steps": steps}, "rates": rates})
    (OUT / "schedules.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


PARTS = {"rope": rope, "full": full, "stretched": stretched, "lora": lora, "curves": curves, "loraplus": loraplus, "schedules": schedules}

if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
