#!/usr/bin/env python3
"""Datasets of many sizes are checked and shown to need the same memory.

    dataset.py [--gb N] [--work DIR]

Writes N GB of rows (default 1) into DIR (default: the current directory's build/), looks through the first hundredth of them and through
all of them with `luthier check-data`, and fails when the larger needs more than 16 MiB of memory beyond the smaller. What counts is memory
that nothing else may have (RssAnon): the pages of the temporary file with the rows' places are the kernel's to take back.
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


def look_through(path):
    """The report, and the most anonymous memory that the process had."""
    process = subprocess.Popen([LUTHIER, "check-data", "--model", MODEL, "--data", path, "--max-seq-length", "64", "--json"], stdout=subprocess.PIPE, text=True)
    most, start = 0, time.monotonic()
    while process.poll() is None:
        try:
            fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
            most = max(most, int(fields["RssAnon"].split()[0]) << 10)
        except (OSError, KeyError):
            pass
        time.sleep(0.02)
    if process.returncode: sys.exit(f"luthier check-data says {process.returncode}")
    report = json.loads(process.stdout.read())
    print(f"{path.stat().st_size / 1e9:8.3f} GB, {report['rows']:>10} rows: {most / 2**20:6.1f} MiB, {path.stat().st_size / 1e6 / (time.monotonic() - start):6.1f} MB/s", flush=True)
    return report, most


with tempfile.TemporaryDirectory(dir=arguments.work) as directory:
    small, large = Path(directory) / "small.jsonl", Path(directory) / "large.jsonl"
    write(small, arguments.gb * 1e7)
    write(large, arguments.gb * 1e9)
    _, little = look_through(small)
    report, much = look_through(large)
    assert report["truncated"]["count"] > 0 and report["duplicates"]["count"] > 0
    if much > little + ALLOWED: sys.exit(f"the large file needs {(much - little) / 2**20:.1f} MiB more than the small one")
    print(f"the large file needs {(much - little) / 2**20:.1f} MiB more than the small one: memory does not grow with the rows")
