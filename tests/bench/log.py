#!/usr/bin/env python3
"""Durable appends to the event log by batch size, against the disk's own fdatasync of one record, and how fast the log is read."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from sides import luthier, scratch  # noqa: E402
from table import alone, arguments, compare, show  # noqa: E402


def one_round(seconds, events):
    """{work: value}, all of one moment of this disk."""
    command = [luthier.parent / "log_bench", scratch, "--rounds", "1", "--seconds", str(seconds), "--verify-events", str(events)]
    rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {row["work"]: row["median"] for row in rows}


def main():
    args = arguments(__doc__)
    scratch.mkdir(parents=True, exist_ok=True)
    rounds = [one_round(*((0.5, 20_000) if args.quick else (2, 200_000))) for _ in range(3 if args.quick else 7)]

    def values(work):
        return [one[work] for one in rounds]

    appends = [f"durable append, batch {size}" for size in (1, 8, 64, 256)]
    syncs = values("raw fdatasync")
    show([*(compare(work, "events/s", values(work), syncs, "fdatasync of one 512-byte record") for work in appends),
          *(alone(work, "events/s", values(work)) for work in ("start, verifying the chain", "read in order, verified", "audit verify"))], args.json)


if __name__ == "__main__":
    main()
