#!/usr/bin/env python3
"""Records which ids and labels rows of every kind become, by the rules of tests/judges/row_rules.py over transformers.

    make_row_goldens.py      run from the root of the tree; writes tests/golden/rows/*.json

Tokenizers and templates are those of tests/golden/text.
"""
import json
import sys
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

sys.path.insert(0, "tests/judges")
from row_rules import Rules, supervised

TEXT, OUT = Path("tests/golden/text"), Path("tests/golden/rows")


def tokenizer_of(name, template):
    if name == "llama-tiny":
        tokenizer = AutoTokenizer.from_pretrained("tests/golden/models/llama-tiny")
    else:
        golden = json.loads((TEXT / f"tokenizers/{name}.json").read_text())
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "tokenizer.json").write_text(json.dumps(golden["tokenizer"]))
            (Path(directory) / "tokenizer_config.json").write_text(json.dumps(golden["config"]))
            tokenizer = AutoTokenizer.from_pretrained(directory)
    if template: tokenizer.chat_template = (TEXT / f"templates/{template}.jinja").read_text()
    return tokenizer


def message(role, content, **more):
    return {"role": role, "content": content, **more}


SYSTEM, HI, AGAIN = message("system", "You are terse."), message("user", "Hi there!\n"), message("user", "And größer 😀?")
HELLO, SIX, EIGHT = message("assistant", "  Hello, how can I help?  "), message("assistant", "Six."), message("assistant", "é 🧑🏽‍🚀 eight\n")
SEARCH = {"type": "function", "function": {"name": "search", "description": "Finds <things> & \"more\"", "parameters": {
    "type": "object", "required": ["query"], "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}}}}
CALL = message("assistant", None, tool_calls=[{"type": "function", "function": {"name": "search", "arguments": {"query": "größe", "limit": 1}}}])
RESULT = message("tool", '{"hits": 3}', name="search")
THOUGHT = message("assistant", "Six.", reasoning_content="3+3\nis six")

CHATS = {
    "tools": [{"messages": [SYSTEM, HI, CALL, RESULT, HELLO], "tools": [SEARCH]}, {"messages": [HI, CALL, RESULT, CALL, RESULT, SIX, AGAIN, CALL], "tools": [SEARCH]},
              {"messages": [HI, {**CALL, "tool_calls": CALL["tool_calls"] * 2}, RESULT, RESULT, SIX], "tools": [SEARCH]}, {"messages": [HI, HELLO], "tools": None}],
    "thinking": [{"messages": [HI, THOUGHT]}, {"messages": [HI, THOUGHT, AGAIN, THOUGHT]}, {"messages": [HI, THOUGHT, RESULT, RESULT, SIX]},
                 {"messages": [HI, message("assistant", "<think>\nhmm\n</think>\n\nFour."), AGAIN, SIX]},
                 {"messages": [HI, SIX], "chat_template_kwargs": {"enable_thinking": False}}, {"messages": [HI, SIX, AGAIN, EIGHT], "chat_template_kwargs": {"enable_thinking": True}}],
    "generation": [{"messages": [SYSTEM, HI, HELLO, AGAIN, EIGHT]}, {"messages": [HI, SIX], "chat_template_kwargs": None}],
    "plain": [{"messages": [HI, HELLO, AGAIN, EIGHT], "id": 5}, {"messages": [HELLO, HI, SIX, SIX]}],
}
PREFERENCES = [
    {"prompt": "What is 3+3?", "chosen": "Six.", "rejected": "Seven, größer."},
    {"prompt": "What is 3+3?", "chosen_response": "Six.", "rejected_response": "No."},
    {"prompt": [SYSTEM, HI], "chosen": [HELLO], "rejected": [SIX]},
    {"prompt": [HI], "chosen": "Six.", "rejected": "Eight"},
    {"prompt": [HI, SIX, AGAIN], "chosen": [HI, SIX, AGAIN, HELLO], "rejected": [HI, SIX, AGAIN, EIGHT]},
    {"chosen": [SYSTEM, HI, HELLO, AGAIN, SIX], "rejected": [SYSTEM, HI, HELLO, AGAIN, EIGHT]},
    {"prompt": "Hi there!\n", "chosen": [HI, SIX], "rejected": [HI, HELLO, AGAIN, EIGHT]},
    {"context": [HI, HELLO, AGAIN], "completions": [{"rank": 1, "completion": [SIX]}, {"rank": 0, "completion": [EIGHT]}]},
    {"context": [HI], "completions": [{"rank": 0, "completion": [SIX, AGAIN, EIGHT]}, {"rank": 3, "completion": [HELLO]}]},
    {"context": [HI], "completions": [{"rank": 1, "completion": [SIX]}, {"rank": 1, "completion": [EIGHT]}]},
    {"context": "Hi there!\n", "response1": "one", "response2": "two", "overall_preference": -2},
    {"context": [SYSTEM, HI], "response1": "one", "response2": "two", "overall_preference": 3},
    {"context": "Hi there!\n", "response1": "one", "response2": "two", "overall_preference": 0},
]
PLAIN_PREFERENCES = [PREFERENCES[0], PREFERENCES[1], {"prompt": "", "chosen": "é", "rejected": "\n"}, {"prompt": "a ", "chosen": " b", "rejected": " 😀"}]
EMBEDDINGS = [{"query": "größe?", "pos_doc": "It is 3.", "neg_doc": ["No.", "😀 never"]}, {"query": "x", "pos_doc": "y", "neg_doc": [], "id": 1}, {"query": "a b", "pos_doc": "c\nd", "neg_doc": ["\u00a0x"]}]
PAIRS = [{"frage": "What is the capital?", "antwort": "Paris.", "prompt": 5}, {"frage": "", "antwort": "é"}]


def case(name, template, kind, rows, options={}):
    tokenizer = tokenizer_of(name, template)
    if kind == "preference" and not template: tokenizer.chat_template = None
    asked = {"question": "frage", "answer": "antwort"} if "prompt_template" in options else {}
    rules = Rules(tokenizer, append_end_token=options.get("append_end_token", False), **asked)
    parts = [rules.parts(row) for row in rows]
    return {"tokenizer": name, "template": template, "kind": kind, "options": options, "rows": rows,
            "parts": [[{"ids": ids, "labels": labels} for ids, labels in each] for each in parts], "supervised": [supervised(each, kind) for each in parts]}


cases = [case(name, template, "messages", rows) for name in ("llama-tiny", "sentencepiece") for template, rows in CHATS.items()]
cases += [case(name, template, "preference", PREFERENCES) for name in ("llama-tiny", "sentencepiece") for template in ("plain", "generation")]
cases += [case(name, None, "preference", PLAIN_PREFERENCES) for name in ("gpt2-prefix", "sentencepiece")]
cases += [case(name, None, "embedding", EMBEDDINGS) for name in ("llama-tiny", "sentencepiece")]
cases += [case("llama-tiny", None, "prompt", PAIRS, {"prompt_template": "{frage} -> {antwort}", "append_end_token": True}),
          case("sentencepiece", None, "prompt", PAIRS, {"prompt_template": "{frage}{antwort}"})]
OUT.mkdir(exist_ok=True)
path = OUT / "rows.json"
path.write_text('{"cases": [\n' + ",\n".join(json.dumps(each, ensure_ascii=False) for each in cases) + "\n]}\n")
print(path, path.stat().st_size, sum(len(each["rows"]) for each in cases), "rows")
