#!/usr/bin/env python3
"""The demo's own training job, without loading the model: ours against PyTorch + PEFT. The adapters of both are then judged alike."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from sides import gguf, luthier, root, run_json, run_peer, say, say_conditions, scratch, take_turns, threads  # noqa: E402
from smollm2_hf import smollm2_hf  # noqa: E402
from table import alone, arguments, compare, show  # noqa: E402

CONFIG = {"method": "lora", "lora": {"r": 8, "alpha": 32, "target_modules": "all-linear"}, "epochs": 1, "batch_size": 8,
          "learning_rate": 1e-3, "warmup_steps": 5, "schedule": "linear", "weight_decay": 0, "max_grad_norm": 1}
BF16_LOSS = 0.01  # how far the losses in bf16 may be from ours in f32


def train_ours(data, config, out, dtype):
    """Its seconds and losses, and what each step's loss was."""
    file = out.with_suffix(".json")
    file.write_text(json.dumps(config | {"dtype": dtype}), encoding="utf-8")
    run = run_json(luthier, "train", "--model", gguf, "--data", data, "--config", file, "--out", out, "--progress", "json", "--threads", threads)
    return run | {"losses": [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]}


def same_job(ours, theirs):
    """Both sides begin from the same weights and rows; later losses differ with the adapters' random beginnings."""
    return (ours["steps"] == theirs["steps"] and ours["tokens"] == theirs["supervised"] and
            abs(ours["first_loss"] - theirs["first_loss"]) < 1e-3 * theirs["first_loss"])


def rows(turns):
    say("the demo's training job")
    work, model = scratch / "demo-job", smollm2_hf()
    work.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, root / "tools/wordnet_rows.py", "/usr/share/wordnet/data.noun", work], check=True, stdout=subprocess.DEVNULL)
    data, config = work / "train.jsonl", work / "config.json"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    narrow = []
    ours, theirs = take_turns(
        lambda: train_ours(data, CONFIG, work / "ours", "f32"),
        lambda: narrow.append(train_ours(data, CONFIG, work / "ours-bf16", "bf16")) or run_peer("peft_demo_job.py", model, data, config, work / "theirs"), turns)
    if not all(map(same_job, ours, theirs)):
        sys.exit(f"the two sides did not do the same job:\n{ours[0]}\n{theirs[0]}")
    print(f"the demo's job: {ours[0]['steps']} steps, {ours[0]['tokens']} tokens in the loss; loss at first and at last: "
          f"ours {ours[0]['first_loss']:.4f} {ours[0]['final_loss']:.4f}, theirs {theirs[0]['first_loss']:.4f} {theirs[0]['final_loss']:.4f}\n")
    exact = run_peer("peft_accuracy.py", model, work / "test.jsonl", work / "ours", work / "theirs", work / "ours-bf16")["exact"]
    pairs = [list(zip(one["losses"], other["losses"], strict=True)) for one, other in zip(narrow, ours)]
    apart = [100 * max(abs(a / b - 1) for a, b in pair) for pair in pairs]
    together = [100 * abs(sum(a for a, _ in pair) / sum(b for _, b in pair) - 1) for pair in pairs]
    if exact[1] == 0:
        sys.exit("the peer's adapter gives no exact answer: there is nothing to compare with")
    seconds, peer = [run["seconds"] for run in ours], theirs[0]["peer"]
    return [compare("the demo's training job", "s", seconds, [run["seconds"] for run in theirs], peer, 3.0, higher_is_better=False),
            compare("the same: exact answers to 100 new rows", "%", [100 * exact[0]], [100 * exact[1]], peer, 0.95),
            compare("the same: peak memory", "MiB", [run["peak_mib"] for run in ours], [run["peak_mib"] for run in theirs], peer, 3.0,
                    higher_is_better=False),
            alone("the same: ours", "s", seconds, 60, higher_is_better=False),
            compare("the same with bf16 products, against f32", "s", [run["seconds"] for run in narrow], [run["seconds"] for run in theirs], peer,
                    3.0, higher_is_better=False),
            compare("the same with bf16 products: exact answers", "%", [100 * exact[2]], [100 * exact[0]], "ours in f32", 0.95),
            alone("the same with bf16 products: a step's loss is off by at most", "%", apart, 100 * BF16_LOSS, higher_is_better=False),
            alone("the same with bf16 products: all steps' losses together are off by", "%", together, 100 * BF16_LOSS, higher_is_better=False)]


def main():
    args = arguments(__doc__)
    smollm2_hf()
    say_conditions()
    show(rows(1 if args.quick else 5), args.json)


if __name__ == "__main__":
    main()
