#!/usr/bin/env python3
"""The demo's training job the way PEFT's users run it: padded batches and the loss of transformers, in f32.

    peft_demo_job.py MODELDIR ROWS.jsonl CONFIG.json OUTDIR --threads N

CONFIG.json is the one that `luthier train` gets. Prints {"seconds": from the first step to the saved adapter, "steps", "first_loss",
"final_loss", "supervised": tokens in the loss, "peer"}.
"""
import argparse
import json
import time

import peft
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, get_linear_schedule_with_warmup
from transformers.utils import logging


def encode(tokenizer, messages):
    """The loss is on the answer: on what the template adds to the prompt, its end token included."""
    prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=False)
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [-100] * len(prompt) + ids[len(prompt):]}


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "rows", "config", "out"):
        parser.add_argument(name)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    with open(args.config, encoding="utf-8") as file:
        config = json.load(file)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    with open(args.rows, encoding="utf-8") as file:
        rows = [encode(tokenizer, json.loads(line)["messages"]) for line in file]
    lora = peft.LoraConfig(r=config["lora"]["r"], lora_alpha=config["lora"]["alpha"], target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32), lora).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    batches = torch.utils.data.DataLoader(rows, config["batch_size"], collate_fn=DataCollatorForSeq2Seq(tokenizer))
    optimizer = torch.optim.AdamW(parameters, config["learning_rate"], weight_decay=config["weight_decay"], fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, config["warmup_steps"], len(batches) * config["epochs"])

    losses = []
    begin = time.perf_counter()
    for _ in range(config["epochs"]):
        for batch in batches:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, config["max_grad_norm"])
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    model.save_pretrained(args.out)
    seconds = time.perf_counter() - begin
    supervised = sum(label != -100 for row in rows for label in row["labels"])
    print(json.dumps({"seconds": seconds, "steps": len(losses), "first_loss": losses[0], "final_loss": losses[-1],
                      "supervised": supervised * config["epochs"], "peer": f"PyTorch {torch.__version__.split('+')[0]} + PEFT {peft.__version__}"}))


if __name__ == "__main__":
    main()
