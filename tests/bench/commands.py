#!/usr/bin/env python3
"""Durable commands over NATS with receipts, against the disk's own fdatasync, on the same disk in the same run."""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from table import alone, arguments, show  # noqa: E402

root = Path(__file__).resolve().parents[2]
build = root / "build/release"


def fdatasync_ms(directory, count):
    """One 8 KiB write with fdatasync, each timed."""
    times = []
    with open(directory / "probe", "wb", buffering=0) as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start) * 1000)
    return sorted(times)


def load(url, *options):
    return json.loads(subprocess.run([build / "command_load", url, *options], check=True, capture_output=True, text=True).stdout)


def main():
    args = arguments(__doc__)
    seconds = "3" if args.quick else "10"
    with tempfile.TemporaryDirectory(dir=build) as directory:
        directory = Path(directory)
        data = directory / "data"
        node = subprocess.Popen([build / "luthier", "up", "--data", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                stderr=open(directory / "log", "w"), text=True)
        try:
            if not node.stdout.readline().startswith("ready"):
                sys.exit("luthier up did not start: " + (directory / "log").read_text())
            syncs = fdatasync_ms(directory, 200)
            p99_sync = syncs[int(len(syncs) * 0.99)]
            url = data / "nats/client.url"
            load(url, "--seconds", "2")  # warm
            floods = [load(url, "--window", "64", "--seconds", seconds) for _ in range(3)]
            paced = [load(url, "--window", "64", "--rate", "100", "--seconds", seconds) for _ in range(3)]
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(15)
    assert all(run["refused"] == 0 for run in floods + paced)
    print(f"fdatasync of 8 KiB on this disk: median {statistics.median(syncs):.3f} ms, p99 {p99_sync:.3f} ms\n")
    show([alone("durable commands, 64 in flight", "commands/s", [run["per_second"] for run in floods], 5000),
          alone("the same: p99 of one", "ms", [run["p99_ms"] for run in floods]),
          alone("at 100 a second: median of one", "ms", [run["p50_ms"] for run in paced]),
          alone("at 100 a second: p99 of one", "ms", [run["p99_ms"] for run in paced], 15 + p99_sync, higher_is_better=False)], args.json)


if __name__ == "__main__":
    main()
