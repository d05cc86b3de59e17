"""What the comparisons share: where things lie, one run of a side, and the turns that both sides take."""
import json
import os
import subprocess
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
luthier = root / "build/release/luthier"
gguf = root / ".cache/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
scratch = root / "build/bench"
threads = len(os.sched_getaffinity(0))


def run_json(*command):
    """Runs a program to its end; the last line that it prints is its result."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{Path(command[0]).name} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def run_peer(script, *arguments):
    return run_json(sys.executable, "-W", "ignore::FutureWarning", here / script, *arguments, "--threads", threads)


def take_turns(ours, theirs, count):
    """Ours, theirs, ours, theirs …, since a machine changes its speed from minute to minute: two lists of results, in pairs."""
    pairs = [(ours(), theirs()) for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def say_conditions():
    waiting, load = os.environ.get("OMP_WAIT_POLICY", "the default of each side"), os.getloadavg()[0]
    print(f"{threads} threads on each side; OpenMP waiting: {waiting}; load average before: {load:.1f}", flush=True)
    if load > 1:  # threads that wait by spinning take the time of those that work
        print("This machine is busy: rates and ratios are not those of a quiet one.", flush=True)
    print()
