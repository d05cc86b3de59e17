#!/usr/bin/env python3
"""Serving SmolLM2-135M: prompt and decode rates alone and in batches, adapters, and the start, against llama.cpp on the same f16 file, the
machine's own read rate, and ours with int8 weights. transformers and PEFT are measured once, for information."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import llama_cpp  # noqa: E402
from products import shapes  # noqa: E402
from sides import build, can, luthier, run_json, run_peer, say, say_conditions, threads  # noqa: E402
from smollm2_hf import ANSWER, smollm2_hf  # noqa: E402
from table import alone, arguments, compare, not_measured, show  # noqa: E402

# "What is the capital of France?" in the model's chat template
QUESTION = [1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 1780, 314,
            260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198]
BENCH = ("engine", "bench", "serve")


def our_rates(model, *more):
    measured = run_json(luthier, *BENCH, "--model", model, "--repetitions", 1, "--threads", threads, *more, "--json")
    return {one["name"]: one["median"] for one in measured}


def our_answer_command(model, count):
    return [luthier, "generate", "--model", model, "--tokens", json.dumps(QUESTION), "--max-tokens", count, "--temperature", 0, "--ids",
            "--threads", threads]


def check_answer(model):
    """Both sides give the known answer of this model in this precision, or there is nothing to compare."""
    said = json.loads(subprocess.run([str(part) for part in our_answer_command(model, len(ANSWER))], check=True, stdout=subprocess.PIPE).stdout)
    if said not in (ANSWER, ANSWER[:-1]):  # the end token is not always told
        sys.exit(f"luthier answers {said} instead of {ANSWER}")
    llama_cpp.check_answer(QUESTION, ANSWER)


def start(command):
    """From the start of a program to its end: load, read a prompt of 37 tokens, give one token. Seconds, and the most MiB resident."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{Path(command[0]).name} ended with {process.returncode}")
    return time.perf_counter() - begin, used.ru_maxrss / 1024


def weight_gigabytes(directory):
    """What one decoded token has to read at least: each weight of a product once, in 16 bits."""
    return sum(2e-9 * out * inner * count for out, inner, count in (map(int, shape.split(":")) for shape in shapes(directory)))


def one_turn(model):
    return {"ours": our_rates(model), "theirs": llama_cpp.rates(),
            "read": run_json(build / "machine_rates", "read", threads)["gigabytes_per_second"],
            "int8": our_rates(model, "--weights", "int8") if can(*BENCH, "--weights") else None,
            "adapters": run_json(build / "adapter_rates", model, threads),
            "our start": start(our_answer_command(model, 1)), "their start": start(llama_cpp.answer_command(QUESTION, 1))}


def main():
    args = arguments(__doc__)
    directory, model = smollm2_hf(), llama_cpp.f16_model()
    llama_cpp.random_adapter()
    check_answer(model)
    say_conditions()
    turns = []
    for i in range(2 if args.quick else 7):
        say(f"turn {i + 1}")
        turns.append(one_turn(model))
    say("transformers and PEFT")
    torch = run_peer("torch_serve.py", directory)

    def ours(name, side="ours"):
        return [turn[side][name] for turn in turns]

    def theirs(name):
        return [turn["theirs"][name] for turn in turns]

    def starts(side, part):
        return [turn[f"{side} start"][part] for turn in turns]

    def adapters(name):  # in pairs where there are several sides
        return [value for turn in turns for value in turn["adapters"][name]]

    one, eight, gigabytes = ours("decode, 1 sequence"), ours("decode, 8 sequences"), weight_gigabytes(directory)
    same_machine = "this machine's memory, read by as many threads"
    int8 = "decode one stream: int8 against 16-bit"
    rows = [
        compare("prompt of 512, 16-bit", "tokens/s", ours("prompt of 512"), theirs("prompt"), llama_cpp.peer, 1.3),
        compare("decode one stream, 16-bit", "tokens/s", one, theirs("decode_1"), llama_cpp.peer, 1.0),
        compare("the same: weights read", "GB/s", [rate * gigabytes for rate in one], [turn["read"] for turn in turns], same_machine, 0.85),
        compare(int8, "tokens/s", ours("decode, 1 sequence", "int8"), one, "ours, 16-bit", 1.7) if turns[0]["int8"] else
        not_measured(int8, "tokens/s", 1.7, "luthier engine bench serve has no --weights"),
        compare("decode 8 streams, 16-bit", "tokens/s", eight, theirs("decode_8"), llama_cpp.peer, 1.5),
        compare("8 streams, 8 adapters (theirs: one for all)", "tokens/s", ours("decode, 8 sequences, 8 adapters"), theirs("decode_8_adapter"),
                llama_cpp.peer),
        compare("16 streams, 8 adapters, against none", "tokens/s", adapters("with"), adapters("without"), "ours, without adapters", 0.9),
        alone("adapter load (r8, all linear)", "ms", adapters("load_ms"), 10, higher_is_better=False),
        compare("the same", "ms", [sorted(turn["adapters"]["load_ms"])[4] for turn in turns], theirs("adapter_load_ms"), llama_cpp.peer,
                higher_is_better=False),
        alone("adapter switch: finding it", "ms", adapters("switch_ms"), 0.1, higher_is_better=False),
        alone("a token after another adapter", "ms", adapters("first_other_ms")),
        alone("a token after the same adapter", "ms", adapters("first_same_ms")),
        compare("the switch", "ms", [sorted(turn["adapters"]["switch_ms"])[12] for turn in turns], theirs("adapter_switch_ms"), llama_cpp.peer,
                higher_is_better=False),
        alone("start of the program to the first token", "s", starts("our", 0), 0.5, higher_is_better=False),
        compare("the same", "s", starts("our", 0), starts("their", 0), llama_cpp.peer, higher_is_better=False),
        compare("the same: peak memory", "MiB", starts("our", 1), starts("their", 1), llama_cpp.peer, higher_is_better=False),
        *(compare(f"{work}, f16 against f32", "tokens/s", rates, [torch[name]] * len(turns), torch["peer"])
          for work, rates, name in (("prompt of 512", ours("prompt of 512"), "prompt"), ("decode one stream", one, "decode_1"))),
        compare("adapter load", "ms", [sorted(turn["adapters"]["load_ms"])[4] for turn in turns], [torch["adapter_load_ms"]] * len(turns),
                torch["peer"], higher_is_better=False),
        compare("adapter switch", "ms", [sorted(turn["adapters"]["switch_ms"])[12] for turn in turns], [torch["adapter_switch_ms"]] * len(turns),
                torch["peer"], higher_is_better=False),
    ]
    show(rows, args.json)


if __name__ == "__main__":
    main()
