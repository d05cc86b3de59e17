"""Which ids and labels training rows become, against tokenizers and transformers: random conversations (with tool calls, thinking and
generation blocks), prompts with completions, preferences and embedding triples; and that rows are tokenized on all cores.

    rows_live.py LUTHIER [SEED]
"""
import json, os, random, subprocess, sys, tempfile, time
from pathlib import Path

from transformers import AutoTokenizer
from transformers.utils import logging

from row_rules import Rules, supervised

logging.set_verbosity_error()
luthier, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**9)
chance = random.Random(seed)
TEXT = Path("tests/golden/text")
failures = 0

WORDS = ["the", "of", "and", "größe", "naïve", "日本語", "مرحبا", "😀", "🧑🏽‍🚀", "e\u0301", "don't", "we'll", "3.14", "1000000", "foo_bar", "<b>", "{}", "\\n", "\u00a0", "ﬃ", "Ελλάδα",
         "<|im_end|>", "<|im_start|>", "<s>", "</s>", "<think>", "ok.", "What?", "(yes)", "A" * 30, "\u202e"]
GAPS = [" "] * 12 + ["  ", "\n", "\n\n", "\t", "", "\r\n"]


def text(words=12):
    return "".join(chance.choice(WORDS) + chance.choice(GAPS) for _ in range(chance.randrange(words)))


def message(role, content, **more):
    return {"role": role, "content": content, **more}


TOOLS = [{"type": "function", "function": {"name": name, "description": "Does <it> & more", "parameters": {"type": "object", "required": ["query"], "properties": {"query": {"type": "string"}, "n": {"type": "integer"}}}}}
         for name in ("search", "größe_finden")]


def call():
    calls = [{"type": "function", "function": {"name": chance.choice(TOOLS)["function"]["name"], "arguments": {"query": text(4), "n": chance.randrange(100)}}} for _ in range(chance.randrange(1, 3))]
    return message("assistant", None, tool_calls=calls)


def conversation(template):
    messages = [message("system", text())] if chance.random() < 0.5 else []
    for _ in range(chance.randrange(1, 5)):
        messages.append(message("user", text() + "x"))
        if template == "tools" and chance.random() < 0.7:
            messages += [call(), message("tool", text(), name="search")]
        if template == "thinking" and chance.random() < 0.5:
            messages.append(message("assistant", text(), reasoning_content=text()))
        else:
            messages.append(message("assistant", text()))
    if chance.random() < 0.2: messages.append(message("user", text()))
    row = {"messages": messages}
    if template == "tools": row["tools"] = TOOLS
    if template == "thinking" and chance.random() < 0.5: row["chat_template_kwargs"] = {"enable_thinking": chance.random() < 0.5}
    if chance.random() < 0.3: row["id"] = chance.randrange(1000)
    return row


def preference():
    context = [message("user", text() + "x"), message("assistant", text()), message("user", text())]
    chosen, rejected = [message("assistant", "a" + text())], [message("assistant", "b" + text())]
    return chance.choice([
        lambda: {"prompt": text(), "chosen": "a" + text(), "rejected": "b" + text()},
        lambda: {"prompt": context, "chosen": chosen, "rejected": rejected},
        lambda: {"chosen": context + chosen, "rejected": context + rejected},
        lambda: {"prompt": text(), "chosen": context + chosen + context[:1] + rejected, "rejected": context + rejected},
        lambda: {"context": context, "completions": [{"rank": 2, "completion": rejected}, {"rank": 0, "completion": chosen}]},
        lambda: {"context": context, "response1": text(), "response2": text(), "overall_preference": chance.randrange(-3, 4)},
    ])()


def model(directory, name, template):
    """A directory with a golden tokenizer and a template."""
    directory.mkdir()
    if name == "llama-tiny":
        data, config = (json.loads((Path("tests/golden/models/llama-tiny") / file).read_text()) for file in ("tokenizer.json", "tokenizer_config.json"))
    else:
        golden = json.loads((TEXT / f"tokenizers/{name}.json").read_text())
        data, config = golden["tokenizer"], golden["config"]
    if template: config["chat_template"] = (TEXT / f"templates/{template}.jinja").read_text()
    (directory / "tokenizer.json").write_text(json.dumps(data))
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    return directory


def rows_of(directory, rows, *options, **environment):
    """Line number to parts."""
    file = directory / "rows.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=chance.random() < 0.5) + "\n" for row in rows))
    done = subprocess.run([luthier, "check-data", "--model", directory, "--data", file, "--rows", *options], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    if done.returncode: sys.exit(f"luthier check-data says {done.returncode}")
    return {row["row"]: row["parts"] for row in map(json.loads, done.stdout.splitlines())}


def judge(directory, name, template, kind, rows, length=0, **rules):
    global failures
    directory = model(directory / f"{name}-{template}-{kind}", name, template)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    given = Rules(tokenizer, **rules)
    options = (["--max-seq-length", str(length)] if length else []) + (["--append-end-token"] if rules.get("append_end_token") else [])
    if "question" in rules: options += ["--prompt-template", f"{{{rules['question']}}}: {{{rules['answer']}}}"]
    got = rows_of(directory, rows, *options)
    wrong = []
    for number, row in enumerate(rows, 1):
        parts = [(ids[:length or None], labels[:length or None]) for ids, labels in given.parts(row)]
        expected = [{"input_ids": ids, "labels": labels} for ids, labels in parts] if supervised(parts, kind) else None
        if got.get(number) != expected: wrong.append(number)
    failures += bool(wrong)
    print(f"{'FAILED' if wrong else 'ok    '} {len(rows)} rows of kind {kind}, tokenizer {name}, template {template}, {len(got)} of them trained on", flush=True)
    for number in wrong[:3]:
        print("       row", number, json.dumps(rows[number - 1], ensure_ascii=False)[:500])


def speed(directory):
    directory = model(directory / "speed", "llama-tiny", None)
    rows = [{"prompt": text(60), "completion": text(60)} for _ in range(20000)]
    seconds = {}
    for threads in ("1", str(os.cpu_count())):
        start = time.monotonic()
        rows_of(directory, rows[:1], OMP_NUM_THREADS=threads)
        ready = time.monotonic() - start
        start = time.monotonic()
        (directory / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        start = time.monotonic()
        subprocess.run([luthier, "check-data", "--model", directory, "--data", directory / "rows.jsonl", "--json"], stdout=subprocess.DEVNULL, check=True, env={**os.environ, "OMP_NUM_THREADS": threads})
        seconds[threads] = time.monotonic() - start - ready
    size = (directory / "rows.jsonl").stat().st_size / 1e6
    print("      ", ", ".join(f"{threads} thread(s): {size / took:.1f} MB/s of rows looked through" for threads, took in seconds.items()))


print("seed", seed)
with tempfile.TemporaryDirectory() as directory:
    directory = Path(directory)
    for name in ("llama-tiny", "sentencepiece"):
        for template in ("plain", "generation", "tools", "thinking"):
            judge(directory, name, template, "messages", [conversation(template) for _ in range(20)])
    for name in ("llama-tiny", "sentencepiece", "gpt2-prefix", "smollm", "qwen2", "llama3"):
        judge(directory, name, None, "prompt", [{"prompt": text(), "completion": text()} for _ in range(250)])
    judge(directory, "llama-tiny", "plain", "prompt", [{"frage": text(), "antwort": text()} for _ in range(100)], length=12, question="frage", answer="antwort", append_end_token=True)
    for template in ("plain", "generation"):
        judge(directory, "llama-tiny", template, "preference", [preference() for _ in range(40)], length=chance.choice([0, 300]))
    for name in ("llama-tiny", "sentencepiece"):
        judge(directory, name, None, "embedding", [{"query": text() + "x", "pos_doc": text() + "x", "neg_doc": [text() + "x" for _ in range(chance.randrange(3))]} for _ in range(40)])
    speed(directory)
sys.exit(f"{failures} checks failed" if failures else 0)
