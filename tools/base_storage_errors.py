#!/usr/bin/env python3
"""What a base in fewer bits costs: a table in Markdown of memory, error and speed of each base_storage of luthier train.

    tools/base_storage_errors.py MODEL TEXT      needs numpy and safetensors; $LUTHIER, else build/release/luthier

The loss is that of every token of the text's first eight rows of 256; KL(f32 || storage) and whether the same token is the most likely one
are means over the positions of four of them. Speed is that of training LoRA r 16 on 4 x 256 tokens, all in the loss, without the first
step, in tokens/s against f32; memory is the plan's, for the weights and for that run.
"""
import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

STORAGES = ["f32", "as_stored", "bf16", "int8", "nf4"]


def luthier(*args, lines=""):
    program = os.environ.get("LUTHIER", "build/release/luthier")
    ran = subprocess.run([program, *map(str, args)], input=lines, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"luthier {' '.join(map(str, args))}: {ran.stderr.strip()}")
    return ran.stdout


def log_softmax(x):
    x = x.astype(np.float64) - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def divergence(exact, other):
    total = positions = agree = 0
    for name, values in exact.items():
        p, q = log_softmax(values), log_softmax(other[name])
        total += (np.exp(p) * (p - q)).sum()
        agree += (p.argmax(axis=1) == q.argmax(axis=1)).sum()
        positions += len(p)
    return total / positions, agree / positions


def write(path, rows):
    path.write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))


def errors(model, rows, sequences, storage, scratch):
    loss = json.loads(luthier("engine", "loss", "--model", model, "--data", rows, "--base-storage", storage))["loss"]
    luthier("engine", "logits", "--model", model, "--tokens", json.dumps(sequences), "--base-storage", storage, "--out", scratch / "logits")
    return loss, load_file(scratch / "logits")


def training(model, rows, storage, steps, scratch):
    """The plan, and the most tokens a second that a step after the first had."""
    (scratch / "config.json").write_text(json.dumps({"lora": {"r": 16}, "batch_size": 4, "max_seq_length": 256, "max_steps": steps, "base_storage": storage}))
    run = ["--model", model, "--config", scratch / "config.json"]
    plan = json.loads(luthier("plan", *run, "--dataset", rows, "--no-probe", "--json"))
    said = luthier("train", *run, "--data", rows, "--out", scratch / storage, "--progress", "json")
    steps_said = [line for line in map(json.loads, said.splitlines()) if line.get("step", 0) > 1 and "tokens_per_second" in line]
    return plan, max(line["tokens_per_second"] for line in steps_said)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=STORAGES, default=STORAGES, help="f32 is compared with, and always there")
    options = parser.parse_args()
    storages = [s for s in STORAGES if s == "f32" or s in options.only]
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        said = luthier("tokenize", "--model", options.model, lines=options.text.read_text())
        flat = [token for line in said.splitlines() for token in json.loads(line)]
        ids = [flat[256 * i:256 * i + 256] for i in range(8)]
        if len(ids[-1]) < 256:
            raise SystemExit(f"{options.text} has {len(flat)} tokens; 2048 are needed")
        write(scratch / "rows.jsonl", ids)
        write(scratch / "long.jsonl", (ids * options.steps)[:4 * options.steps])
        rates = {storage: 0 for storage in storages}
        plans = {}
        for _ in range(options.rounds):  # interleaved, because a machine is not equally quiet all the time
            for storage in storages:
                plans[storage], rate = training(options.model, scratch / "long.jsonl", storage, options.steps, scratch)
                rates[storage] = max(rates[storage], rate)
        exact = None
        print("| `base_storage` | bytes a weight | weights | the run | loss | KL from f32 | same most likely token | speed |\n|---|---|---|---|---|---|---|---|")
        for storage in storages:
            loss, logits = errors(options.model, scratch / "rows.jsonl", ids[:4], storage, scratch)
            exact = exact or (loss, logits)
            kl, agree = divergence(exact[1], logits)
            memory = plans[storage]["memory"]
            print(f"| `\"{storage}\"` | {memory['weights'] / plans[storage]['parameters']:.2f} | {memory['weights'] / 2**20:.0f} MiB "
                  f"| {memory['total'] / 2**20:.0f} MiB | {loss:.4f} ({(loss - exact[0]) / exact[0]:+.2%}) | {kl:.5f} | {agree:.1%} "
                  f"| {rates[storage] / rates['f32']:.2f} × |", flush=True)
        print(f"\nf32: {rates['f32']:.0f} tokens/s", flush=True)


if __name__ == "__main__":
    main()
