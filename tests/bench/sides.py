"""What the comparisons share: where things lie, one run of a side, and the turns that both sides take."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
build = root / "build/release"
luthier = build / "luthier"
gguf = root / ".cache/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
scratch = root / "build/bench"
threads = len(os.sched_getaffinity(0))


def peak_mib(pid):
    """The most memory that a process has had resident since its program began (VmHWM), or None when it is no more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None  # it has ended


def run_json(*command):
    """Runs a program to its end; the last line that it prints is its result. To an object its peak memory is added, looked at 50 times a
    second from outside, so that both sides are measured alike."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen([str(part) for part in command], stdout=said)
        peak = 0
        while process.poll() is None:
            peak = peak_mib(process.pid) or peak
            time.sleep(0.02)
        if process.returncode != 0:
            sys.exit(f"{Path(command[0]).name} ended with {process.returncode}")
        said.seek(0)
        result = json.loads(said.read().splitlines()[-1])
    if isinstance(result, dict):
        result["peak_mib"] = peak
    return result


def python(script, *arguments):
    return [sys.executable, "-W", "ignore::FutureWarning", here / script, *arguments, "--threads", threads]


def run_peer(script, *arguments):
    return run_json(*python(script, *arguments))


class StandingPeer:
    """A peer that takes long to load: it stays between its turns, stopped, and answers each line with one line of JSON."""

    def __init__(self, script, *arguments):
        command = [str(part) for part in python(script, *arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hello = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[3]} ended with {self.process.wait()}")
        self.peak_mib = peak_mib(self.process.pid)
        self.process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def ask(self, question):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # also ends one that is stopped
        self.process.wait()


def take_turns(ours, theirs, count):
    """Ours, theirs, ours, theirs …, since a machine changes its speed from minute to minute: two lists of results, in pairs."""
    pairs = [(ours(), theirs()) for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def can(*verb_and_option):
    """Whether a verb of this build has an option: a row that needs it is not measured otherwise."""
    *verb, option = verb_and_option
    return option in subprocess.run([luthier, *verb, "--help"], stdout=subprocess.PIPE, text=True).stdout


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "an unnamed processor"


def say_conditions():
    waiting, load = os.environ.get("OMP_WAIT_POLICY", "the default of each side (spinning)"), os.getloadavg()[0]
    print(f"{processor()}; {threads} threads on each side; OpenMP waiting: {waiting}; load average before: {load:.1f}", flush=True)
    if load > 1:  # threads that wait by spinning take the time of those that work
        print("This machine is busy: rates and ratios are not those of a quiet one.", flush=True)
    print()


def say(what):
    print(f"measuring: {what}", file=sys.stderr, flush=True)
