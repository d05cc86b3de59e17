#!/usr/bin/env python3
"""Records what transformers makes of many conversations with templates in the manner of each family of models.

    make_template_goldens.py        run from the root of the tree; writes tests/golden/templates/

Hand-written: templates/sources/*.jinja (in the style of the families, in our own words) and the conversations below. cases.json has the
whole text of some renderings and of the others a hash, so that it stays small; tests/judges/templates_live.py compares all of them whole.
"""
import json
from pathlib import Path

HERE = Path("tests/golden/templates")
SHOWN = 6  # of each template, with the whole text; the others as hashes

# ------------------------------------------------------------------------------------------------------ conversations


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, ident="c12345678"):
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*several, content=None, **more):
    return message("assistant", content, tool_calls=list(several), **more)


def tool(name, properties, required=(), **more):
    return {"type": "function", "function": {"name": name, "description": f"Does {name}: <fast> & \"well\"", "parameters": {"type": "object", "properties": properties, "required": list(required)}, **more}}


HI, HELLO = message("user", "Hi there!\n"), message("assistant", "  Hello, how can I help?  ")
SYSTEM, MORE, BYE = message("system", " You are terse. "), message("user", "And 3+3?"), message("assistant", "Six.")
UNICODE = message("user", "größe 🧑🏽‍🚀 é e\u0301 \u202eאבג\u202c 你好\u2028\u00a0x\r\nend\t.")
TAGS = message("user", "What is <|im_end|> for? <s> [INST] {{ x }} {% if %} <think>")
LINES = message("assistant", "def f(x):\n    return x\n\n\n    # end\n")
THOUGHT = message("assistant", "<think>\nhmm\n\n</think>\n\nFour.")
PARTS = message("user", [{"type": "text", "text": " Look: <b> "}, {"type": "image", "url": "x.png"}, {"type": "text", "text": "what?"}])
LONG = [message("user" if i % 2 == 0 else "assistant", f"line {i}\n" * (i % 3 + 1)) for i in range(11)]
RESULT = message("tool", '{"hits": 3}', name="search", tool_call_id="c12345678")
SEARCH = tool("search", {"query": {"type": "string", "description": "What to look for"}, "limit": {"type": "integer", "enum": [1, 10], "default": 10}, "exact": {"type": "boolean", "default": False}}, ["query"])
WEATHER = tool("weather", {"place": {"type": "string", "enum": ["Paris", "Rome"], "default": "Paris"}, "days": {"type": "array", "items": {"type": "integer"}}, "at": {"type": ["number", "null"]},
                           "how": {"oneOf": [{"type": "string", "description": "a name"}, {"type": "number", "default": 1.5}]}, "where": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}}, "required": ["lat"]},
                           "grid": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}, "nullable": True}, "any": {}}, ["place", "where"], **{"return": {"type": "string"}})
EMPTY = tool("now", {})
ASKED = [HI, calls(call("search", {"query": "größe <b>", "limit": 1, "exact": True})), RESULT]
TWICE = [HI, calls(call("search", {"query": "a"}, "aaaaaaaaa"), call("weather", {"place": "Rome", "days": [1, 2], "where": {"lat": 1.5, "lon": -0.0}}, "bbbbbbbbb"), content="Two calls."), message("tool", "one", tool_call_id="aaaaaaaaa"), message("tool", "two", tool_call_id="bbbbbbbbb")]

CONVERSATIONS = [
    # turns
    {"messages": [HI]}, {"messages": [HI], "add_generation_prompt": True}, {"messages": [HI, HELLO]}, {"messages": [HI, HELLO, MORE], "add_generation_prompt": True}, {"messages": [SYSTEM, HI]}, {"messages": [SYSTEM, HI], "add_generation_prompt": True},
    {"messages": [SYSTEM, HI, HELLO, MORE, BYE]}, {"messages": [SYSTEM]}, {"messages": [HELLO]}, {"messages": [HI, HI]}, {"messages": [HELLO, HI, BYE]}, {"messages": [SYSTEM, SYSTEM, HI]}, {"messages": LONG}, {"messages": LONG, "add_generation_prompt": True}, {"messages": [SYSTEM] + LONG},
    {"messages": [HI, SYSTEM, HELLO]}, {"messages": [message("developer", "Be kind."), HI, BYE]}, {"messages": [message("critic", "?"), HI]},
    # texts
    {"messages": [UNICODE, HELLO]}, {"messages": [UNICODE, LINES, UNICODE], "add_generation_prompt": True}, {"messages": [TAGS, HELLO]}, {"messages": [message("user", ""), message("assistant", "")]}, {"messages": [message("system", ""), message("user", " \n ")]}, {"messages": [message("user", " " * 30 + "x"), message("assistant", "\n\n")]},
    {"messages": [message("user", "'single' \"double\" \\ back\\slash"), message("assistant", "a\u0000b\u001f")]}, {"messages": [message("user", "x" * 300), LINES, message("user", "Zeile\n" * 20)]},
    # contents that are no text
    {"messages": [PARTS], "add_generation_prompt": True}, {"messages": [PARTS, HELLO, PARTS]}, {"messages": [message("system", [{"type": "text", "text": "Parts."}]), PARTS, message("assistant", [{"type": "text", "text": "Seen."}])]}, {"messages": [message("user", [])]}, {"messages": [message("user", [{"type": "audio"}])]},
    {"messages": [message("user", 5)]}, {"messages": [message("user", None)]}, {"messages": [{"role": "user"}]}, {"messages": [{"content": "no role"}]}, {"messages": [message("user", {"text": "x"})]}, {"messages": [message("user", "hi", name="ada", extra=[1, 2.5, None, True, {"k": "v"}]), BYE]},
    # tools
    {"messages": [HI], "tools": [SEARCH], "add_generation_prompt": True}, {"messages": [SYSTEM, HI, HELLO], "tools": [SEARCH, WEATHER, EMPTY]}, {"messages": ASKED, "tools": [SEARCH], "add_generation_prompt": True}, {"messages": ASKED + [BYE], "tools": [SEARCH]}, {"messages": [SYSTEM] + ASKED + [BYE, MORE], "add_generation_prompt": True},
    {"messages": TWICE, "tools": [SEARCH, WEATHER]}, {"messages": TWICE + [message("assistant", "Done."), MORE], "tools": [WEATHER], "add_generation_prompt": True}, {"messages": [HI, calls(call("search", '{"query": "raw"}')), RESULT, BYE], "tools": [SEARCH]}, {"messages": [HI, calls(call("now", {}))], "tools": [EMPTY]},
    {"messages": [HI, calls({"name": "search", "arguments": {"query": "bare"}}), RESULT]}, {"messages": [HI, calls(call("search", {"nested": {"list": [1, [2, {"x": None}]], "s": "\"q\"\n"}, "n": 1e-7, "big": 12345678901234567})), message("tool", {"hits": [1, None, "ü"]}, tool_call_id="c12345678")], "tools": [SEARCH]},
    {"messages": [HI], "tools": []}, {"messages": [HI], "tools": [SEARCH["function"]]}, {"messages": [SYSTEM, HI], "tools": [WEATHER], "tools_in_user_message": False, "date_string": "1 Jan 2030"}, {"messages": ASKED, "tools": [SEARCH], "builtin_tools": ["search", "code_interpreter"]}, {"messages": [HI, calls(call("code", {"q": "1"})), BYE], "builtin_tools": ["browser", "python"]},
    {"messages": [HI, RESULT]}, {"messages": [HI, calls(), BYE]}, {"messages": [HI], "custom_tools": [EMPTY], "xml_tools": ["x"], "python_tools": ["def f(): ..."]},
    # thoughts
    {"messages": [HI, THOUGHT]}, {"messages": [HI, THOUGHT, MORE], "add_generation_prompt": True}, {"messages": [HI, message("assistant", "Six.", reasoning_content="3+3\n")]}, {"messages": [HI, message("assistant", "Six.", reasoning="old name"), MORE, message("assistant", "6", thinking="older name", reasoning_content=None)]},
    {"messages": [HI, calls(call("search", {"query": "q"}), reasoning_content="need a search"), RESULT, message("assistant", "End.", reasoning_content="enough")], "tools": [SEARCH]}, {"messages": [HI], "add_generation_prompt": True, "enable_thinking": False}, {"messages": [HI, HELLO], "add_generation_prompt": True, "enable_thinking": True},
    {"messages": [message("system", "detailed thinking off"), HI], "add_generation_prompt": True}, {"messages": [message("system", "Short. /no_think"), HI, BYE, MORE], "add_generation_prompt": True}, {"messages": [message("system", "/system_override /think Only this."), HI], "add_generation_prompt": True}, {"messages": [HI], "add_generation_prompt": True, "reasoning_effort": "high", "model_identity": "You are X."},
    # other variables
    {"messages": [HI, BYE], "bos_token": "<bos>", "eos_token": "<eos>"}, {"messages": [HI, BYE], "bos_token": "", "unused": {"a": 1}}, {"messages": [SYSTEM, HI, HELLO], "documents": [{"title": "One", "text": "x y"}], "knowledge": "", "today": "2030-01-01"},
    {"messages": [message("system", "with tools", tools="[{\"name\": \"f\"}]"), HI]}, {"messages": [message("user", "a", children=[message("user", "b", children=[message("assistant", "c", name="x")])]), message("skip", "no"), BYE, message("stop", ""), HI]},
]


def sources():
    return {path.stem: path.read_text() for path in sorted((HERE / "sources").glob("*.jinja"))}


def rendered(tokenizer, source, request):
    """The text, or None where transformers refuses."""
    try:
        return tokenizer.apply_chat_template(request["messages"], chat_template=source, tokenize=False, **{name: value for name, value in request.items() if name != "messages"})
    except Exception:  # whatever it says: the question is only whether it does
        return None


def masked(tokenizer, source, request):
    """Token ids and which of them an assistant made."""
    given = {name: value for name, value in request.items() if name != "messages"}
    encoded = tokenizer.apply_chat_template(request["messages"], chat_template=source, return_assistant_tokens_mask=True, return_dict=True, **given)
    return {"ids": encoded["input_ids"], "mask": encoded["assistant_masks"]}


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def main():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained("tests/golden/models/llama-tiny")
    lines = []
    for name, source in sources().items():
        texts = [rendered(tokenizer, source, request) for request in CONVERSATIONS]
        good = [at for at, text in enumerate(texts) if text is not None]
        shown = sorted(good, key=lambda at: (len(texts[at]) > 1500, at * 7919 % 71))[:SHOWN]
        case = {"template": name, "hashes": [None if text is None else fnv(text) for text in texts], "texts": {str(at): texts[at] for at in sorted(shown)}}
        if "generation" in source.replace("add_generation_prompt", ""):
            case["masks"] = {str(at): masked(tokenizer, source, CONVERSATIONS[at]) for at in good[::9]}
        lines.append(json.dumps(case, ensure_ascii=False))
    conversations = ",\n".join(json.dumps(request, ensure_ascii=False) for request in CONVERSATIONS)
    path = HERE / "cases.json"
    path.write_text('{"conversations": [\n' + conversations + '\n], "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(len(lines), "templates,", len(CONVERSATIONS), "conversations,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
