#!/usr/bin/env python3
"""Datasets of many sizes are checked and shown to need the same memory.

    dataset.py [--gb N] [--work DIR]

Writes N GB of rows (default 1) into DIR (default: build/), and a hundredth of that; looks through both with `luthier check-data`, and
trains on both for three steps, shuffled and packed. Fails when the larger needs more than 16 MiB of memory beyond the smaller. What counts
is memory that nothing else may have (RssAnon): the pages of the temporary files with the rows' places are the kernel's to take back.
"""
import argparse, json, os, random, subprocess, sys, tempfile, time
from pathlib import Path

arguments = argparse.ArgumentParser()
arguments.add_argument("--gb", type=float, default=1)
arguments.add_argument("--work", type=Path, default=Path("build"))
arguments = arguments.parse_args()
LUTHIER, MODEL, ALLOWED = "build/release/luthier", "tests/golden/models/llama-tiny", 16 << 20


def write(path, size):
    chance = random.Random(1)
    words = ["the", "of", "rows", "are", "many", "größe", "and", "lines", "follow", "1234", "others"]
    block = "".join(json.dumps({"prompt": " ".join(chance.choices(words, k=chance.randrange(5, 90))), "completion": " ".join(chance.choices(words, k=10))}) + "\n" for _ in range(20000))
    with path.open("w") as out:
        written = 0
        while written < size: written += out.write(block)


def watched(what, path, *command):
    """What it prints, and the most anonymous memory that it had."""
    process = subprocess.Popen([LUTHIER, *map(str, command)], stdout=subprocess.PIPE, text=True)
    most, start = 0, time.monotonic()
    while process.poll() is None:
        try:
            fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
            most = max(most, int(fields["RssAnon"].split()[0]) << 10)
        except (OSError, KeyError):
            pass
        time.sleep(0.02)
    if process.returncode: sys.exit(f"luthier {command[0]} says {process.returncode}")
    size = path.stat().st_size
    print(f"{what:10} {size / 1e9:8.3f} GB: {most / 2**20:6.1f} MiB, {time.monotonic() - start:6.1f} s", flush=True)
    return process.stdout.read(), most


def check(path):
    printed, most = watched("check-data", path, "check-data", "--model", MODEL, "--data", path, "--max-seq-length", "64", "--json")
    report = json.loads(printed)
    assert report["truncated"]["count"] > 0
    return most


def train(path):
    config = path.with_suffix(".config")
    config.write_text(json.dumps({"method": "lora", "max_steps": 3, "batch_size": 4, "max_seq_length": 64, "shuffle": True, "packing": True}))
    printed, most = watched("train", path, "train", "--model", MODEL, "--data", path, "--config", config, "--out", path.with_suffix(".out"))
    assert "done after 3 steps" in printed
    return most


with tempfile.TemporaryDirectory(dir=arguments.work) as directory:
    small, large = Path(directory) / "small.jsonl", Path(directory) / "large.jsonl"
    write(small, arguments.gb * 1e7)
    write(large, arguments.gb * 1e9)
    for work in (check, train):
        little, much = work(small), work(large)
        more = f"{work.__name__}: the large file needs {(much - little) / 2**20:.1f} MiB more than the small one"
        if much > little + ALLOWED: sys.exit(more)
        print(more)
