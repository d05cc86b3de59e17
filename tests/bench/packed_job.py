"""Short rows of unlike lengths: ours packed into sequences of 512 tokens, the peer's padded to the longest of a batch, as its users run it."""
import hashlib
import json
import sys
from pathlib import Path
from random import Random

from sides import gguf, luthier, run_json, run_peer, say, scratch, take_turns, threads
from smollm2_hf import smollm2_hf
from table import compare

ROWS, NOUNS_MAX, ANOTHER = 48, 8, 0.45  # the last: the chance of one noun more
LORA = {"method": "lora", "lora": {"r": 16, "alpha": 32, "target_modules": "all-linear"}, "epochs": 1, "learning_rate": 1e-4, "warmup_steps": 1,
        "schedule": "linear", "weight_decay": 0, "max_grad_norm": 1}
OURS = LORA | {"batch_size": 1, "packing": True, "max_seq_length": 512}  # about 8 rows a step on both sides
THEIRS = LORA | {"batch_size": 8}


def definitions():
    """WordNet's nouns with their whole glosses, in an order that is the same everywhere."""
    found = []
    for line in Path("/usr/share/wordnet/data.noun").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):  # the licence at the top
            continue
        fields, _, gloss = line.partition(" | ")
        found.append((fields.split()[4].replace("_", " "), gloss.strip()))
    return iter(sorted(found, key=lambda one: hashlib.sha256(repr(one).encode()).digest()))


def conversations():
    """A row asks for one noun, often, or for several: the lengths of instructions are as unlike."""
    random, nouns = Random(1), definitions()
    for _ in range(ROWS):
        count = 1
        while count < NOUNS_MAX and random.random() < ANOTHER:
            count += 1
        asked = [next(nouns) for _ in range(count)]
        yield [{"role": "system", "content": "Define each noun."}, {"role": "user", "content": ", ".join(noun for noun, _ in asked)},
               {"role": "assistant", "content": "\n".join(f"{noun}: {gloss}" for noun, gloss in asked)}]


def write_rows(model, file):
    """Writes the rows; their mean length, and how many times as many tokens the peer's batches of 8 have with their padding."""
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = list(conversations())
    file.write_text("".join(json.dumps({"messages": row}, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    lengths = [len(tokenizer.apply_chat_template(row, return_dict=False)) for row in rows]
    padded = sum(8 * max(lengths[i:i + 8]) for i in range(0, ROWS, 8))
    return sum(lengths) / ROWS, padded / sum(lengths)


def rows(turns):
    work, model = scratch / "packed-job", smollm2_hf()
    work.mkdir(parents=True, exist_ok=True)
    data = work / "rows.jsonl"
    mean, padding = write_rows(model, data)
    for name, config in (("ours", OURS), ("theirs", THEIRS)):
        (work / f"{name}.json").write_text(json.dumps(config), encoding="utf-8")
    name = f"{ROWS} rows of {mean:.0f} tokens on average, packed"
    say(name)
    ours, theirs = take_turns(
        lambda: run_json(luthier, "train", "--model", gguf, "--data", data, "--config", work / "ours.json", "--out", work / "ours",
                         "--progress", "json", "--threads", threads),
        lambda: run_peer("peft_demo_job.py", model, data, work / "theirs.json", work / "theirs"), turns)
    if not all(a["tokens"] == b["supervised"] for a, b in zip(ours, theirs, strict=True)):
        sys.exit(f"the two sides did not do the same job:\n{ours[0]}\n{theirs[0]}")
    peer = f"{theirs[0]['peer']}, padded to {padding:.2f} x the tokens"
    return [compare(name, "s", [run["seconds"] for run in ours], [run["seconds"] for run in theirs], peer, 3.0, higher_is_better=False),
            compare("the same: peak memory", "MiB", [run["peak_mib"] for run in ours], [run["peak_mib"] for run in theirs], peer, 3.0,
                    higher_is_better=False)]
