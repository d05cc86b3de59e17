#!/usr/bin/env python3
"""How fast the engine serves SmolLM2-135M: prompt and decode rates, alone and in a batch, with and without an adapter a sequence."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from sides import gguf, luthier, run_json, say_conditions, threads  # noqa: E402
from table import alone, arguments, show  # noqa: E402


def main():
    args = arguments(__doc__)
    say_conditions()
    measured = run_json(luthier, "engine", "bench", "serve", "--model", gguf, "--repetitions", 3 if args.quick else 9,
                        "--threads", threads, "--json")
    show([alone(one["name"], one["unit"], [one["min"], one["median"], one["max"]]) for one in measured], args.json)


if __name__ == "__main__":
    main()
