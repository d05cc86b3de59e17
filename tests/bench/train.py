#!/usr/bin/env python3
"""Training SmolLM2-135M: whole steps with every token in the loss, the demo's job, short rows packed, and the memory of each, against PyTorch
+ PEFT; and the share of oneDNN's own product rate that a whole step reaches. A flop is counted by the rule 6 N (full) or 4 N (LoRA)."""
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import demo_job  # noqa: E402
import packed_job  # noqa: E402
from products import product_rate  # noqa: E402
from sides import StandingPeer, gguf, luthier, run_json, say, say_conditions, threads  # noqa: E402
from smollm2_hf import smollm2_hf  # noqa: E402
from table import alone, arguments, compare, show  # noqa: E402

NAMES = {"lora": "LoRA r16", "full": "full SFT"}
FASTER = {"lora": 1.45, "full": 1.3}  # goals at equal precision
BF16_FASTER = 2.0  # ours in bf16 against the peer's f32


def our_step(method, batch, length, steps, kind="f32"):
    flags = (["--full"] if method == "full" else ["--rank", 16]) + (["--bf16"] if kind == "bf16" else [])
    return run_json(luthier, "engine", "bench", "train", "--model", gguf, "--batch", batch, "--length", length, *flags,
                    "--repetitions", steps, "--threads", threads, "--json")


def whole_steps(method, batch, length, turns, steps):
    """One turn: a run of ours in f32 and one in bf16, steps of the peer (which then stands still), oneDNN's products."""
    work, model = f"{NAMES[method]}, {batch} x {length}", smollm2_hf()
    say(work)
    ours, narrow, theirs, products = [], [], [], []
    with StandingPeer("torch_train.py", model, method, "--batch", batch, "--length", length) as peer:
        name = peer.hello["peer"]
        for _ in range(turns):
            ours.append(our_step(method, batch, length, steps))
            narrow.append(our_step(method, batch, length, steps, "bf16"))
            theirs.append(statistics.median(peer.ask(f"f32 {steps}")["tokens_per_second"]))
            memory = peer.peak_mib  # before the first step in bf16
            products.append(product_rate(model, batch * length, method))
        autocast = statistics.median(peer.ask(f"bf16 {steps}")["tokens_per_second"])

    rates, narrow_rates = ([run["tokens_per_second"][1] for run in runs] for runs in (ours, narrow))  # of minimum, median and maximum
    other = f"{name}, bf16 autocast" + (", frozen weights in bf16" if method == "lora" else "")
    rows = [compare(f"{work}, f32", "tokens/s", rates, theirs, name, FASTER[method]),
            compare(f"{work}, f32: share of oneDNN's rate", "GFLOP/s", [run["gflops"] for run in ours], products,
                    "oneDNN alone, the same products in f32", 0.8)]
    rows.append(compare(f"{work}, bf16 products, against f32", "tokens/s", narrow_rates, theirs, name, BF16_FASTER))
    rows.append(compare(f"{work}, bf16 products, against bf16", "tokens/s", narrow_rates, [autocast] * turns, other))
    rows.append(compare(f"{work}, our f32 against bf16", "tokens/s", rates, [autocast] * turns, other))
    rows.append(alone(f"{work}, bf16 products: peak memory", "MiB", [run["peak_mib"] for run in narrow]))
    rows.append(compare(f"{work}, f32: peak memory", "MiB", [run["peak_mib"] for run in ours], [memory] * turns, name, 3.0, higher_is_better=False))
    return rows


def product_kinds(model):
    """Whether bf16 products are the faster ones here, which differs from processor to processor."""
    f32, bf16 = (product_rate(model, 1024, "lora", kind) for kind in ("f32", "bf16"))
    print(f"oneDNN's products of a LoRA step of 1,024 tokens: {f32:.0f} GFLOP/s in f32, {bf16:.0f} in bf16\n", flush=True)


def main():
    args = arguments(__doc__)
    model = smollm2_hf()
    say_conditions()
    product_kinds(model)
    turns, steps = (1, 1) if args.quick else (3, 1)
    rows = [row for method in ("lora", "full") for batch, length in ((4, 256), (1, 1024)) for row in whole_steps(method, batch, length, turns, steps)]
    rows += demo_job.rows(1 if args.quick else 2)
    rows += packed_job.rows(1 if args.quick else 3)
    show(rows, args.json)


if __name__ == "__main__":
    main()
