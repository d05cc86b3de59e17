#!/usr/bin/env python3
"""Whole training steps of SmolLM2-135M in f32, 4 x 256 tokens with every token in the loss: ours against PyTorch + PEFT."""
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from sides import gguf, luthier, run_json, run_peer, say_conditions, take_turns, threads  # noqa: E402
from smollm2_hf import smollm2_hf  # noqa: E402
from table import arguments, compare, show  # noqa: E402


def row(work, method, flags, turns, steps):
    model = smollm2_hf()
    ours, theirs = take_turns(
        lambda: run_json(luthier, "engine", "bench", "train", "--model", gguf, "--batch", 4, "--length", 256, *flags,
                         "--repetitions", steps, "--threads", threads, "--json"),
        lambda: run_peer("torch_train.py", model, method, "--steps", steps), turns)
    return compare(work, "tokens/s", [run["tokens_per_second"][1] for run in ours],  # of minimum, median and maximum
                   [statistics.median(run["tokens_per_second"]) for run in theirs], theirs[0]["peer"], 1.0)


def main():
    args = arguments(__doc__)
    turns, steps = (2, 1) if args.quick else (5, 3)
    say_conditions()
    show([row("LoRA r16 step, 4 x 256, f32", "lora", ["--rank", 16], turns, steps),
          row("full step, 4 x 256, f32", "full", ["--full"], turns, steps)], args.json)


if __name__ == "__main__":
    main()
