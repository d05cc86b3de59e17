#!/usr/bin/env python3
"""Encoding English on one core: the whole command, its reading and writing included, against tokenizers' encode_batch_fast alone."""
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "judges"))
import tokenizers_live as live  # noqa: E402
from sides import luthier  # noqa: E402
from table import arguments, compare, show  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

FAMILIES = ["llama3", "o200k", "qwen2", "llama2", "gemma", "bert-uncased", "xlm-r"]


def english(lines, size):
    """Python's manual line by line, in an order that no cache can learn."""
    chance, plain, text = random.Random(3), [line for line in lines if line and line.isascii()], []
    while size > 0:
        text.append(" ".join(chance.sample(plain, 3)))
        size -= len(text[-1]) + 1
    return text


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def command(directory, lines, cores):
    given = "".join(json.dumps(line) + "\n" for line in lines)
    return lambda: subprocess.run(["taskset", "-c", cores, luthier, "tokenize", "--model", directory, "--json"], input=given, text=True, stdout=subprocess.DEVNULL, check=True)


def main():
    args = arguments(__doc__)
    core = str(min(os.sched_getaffinity(0)))
    lines = live.corpus()
    text = english(lines, (2 if args.quick else 8) << 20)
    megabytes, rows = sum(map(len, text)) / 1e6, []
    for name in FAMILIES:
        with tempfile.TemporaryDirectory() as directory:
            live.family(name, lines).save(f"{directory}/tokenizer.json")
            tokenizer = Tokenizer.from_file(f"{directory}/tokenizer.json")
            ours, theirs = [], []
            for _ in range(3 if args.quick else 5):
                start = seconds(command(directory, text[:1], core))  # what it takes to load the tokenizer is not encoding
                ours.append(megabytes / max(seconds(command(directory, text, core)) - start, 1e-6))
                theirs.append(megabytes / seconds(lambda: tokenizer.encode_batch_fast(text)))
            rows.append(compare(f"{name}, one core", "MB/s", ours, theirs, "tokenizers' encode_batch_fast, one thread", goal=1.0))
    show(rows, args.json)


if __name__ == "__main__":
    main()
