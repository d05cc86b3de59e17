#!/usr/bin/env python3
"""The official `openai` client against a serving process.

    openai_client.py LUTHIER [--verb "engine serve"] [--model DIR] [--adapter DIR]      run from the repository's root

Starts LUTHIER, uses it as its users would, ends it with SIGTERM, and exits with 0 when everything was as it should be.
"""
import argparse, json, os, secrets, signal, subprocess, sys, tempfile, time, urllib.request
from concurrent.futures import ThreadPoolExecutor

import openai

parser = argparse.ArgumentParser()
parser.add_argument("luthier")
parser.add_argument("--verb", default="engine serve")
parser.add_argument("--model", default="tests/golden/models/llama-tiny")
parser.add_argument("--adapter", default="tests/golden/models/llama-tiny-adapter")
options = parser.parse_args()
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = dict(temperature=0, max_tokens=24, extra_body={"ignore_eos": True})
passed = 0


def check(what, good):
    global passed
    if not good:
        sys.exit(f"FAILED: {what}")
    passed += 1


def admin(path, **body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Authorization": "Bearer " + token})
    return json.load(urllib.request.urlopen(request))


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    sys.exit(f"FAILED: {kind.__name__} was not raised")


def chat(model, **more):
    return client.chat.completions.create(model=model, messages=MESSAGES, **(GREEDY | more))


def text_of(model):
    return chat(model).choices[0].message.content


def pieces_of(**more):
    """The texts of a stream, as they came. What the reader is too slow for comes together, so a short stream may be one piece."""
    return [p for p in (c.choices[0].delta.content for c in chat("base", stream=True, **more) if c.choices) if p]


def judge():
    models = {m.id: m for m in client.models.list().data}
    check("the base model is listed", list(models) == ["default/base", "base"] and models["base"].object == "model")
    check("a model can be fetched by name", client.models.retrieve("default/base").id == "default/base")

    whole = chat("base")
    base = whole.choices[0].message.content
    check("a chat answer has content and usage", base and whole.usage.completion_tokens == 24
          and whole.usage.total_tokens == whole.usage.prompt_tokens + 24 and whole.choices[0].finish_reason == "length")

    chunks = list(chat("base", stream=True, stream_options={"include_usage": True}))
    pieces = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    check("a stream joins to the same text", "".join(pieces) == base)
    check("a stream comes in pieces", any(len(pieces_of(max_tokens=400)) > 1 for _ in range(20)))
    check("a stream ends with its usage", chunks[-1].usage == whole.usage)
    with client.chat.completions.with_streaming_response.create(model="base", messages=MESSAGES, stream=True, max_tokens=24) as raw:
        check("a stream is an event stream", raw.headers["content-type"].startswith("text/event-stream"))

    stop = base[5:9]
    stopped = chat("base", stop=[stop]).choices[0]
    check("a stop string stops", stopped.message.content == base[:base.find(stop)] and stopped.finish_reason == "stop")
    stopped = "".join(c.choices[0].delta.content or "" for c in chat("base", stop=stop, stream=True) if c.choices)
    check("a stream never shows a stop string", stopped == base[:base.find(stop)])

    sampled = [chat("base", temperature=1, top_p=0.95, seed=s).choices[0].message.content for s in (7, 7, 8)]
    check("a seed repeats its answer, another one does not", sampled[0] == sampled[1] != sampled[2])
    several = chat("base", n=3, temperature=1, seed=1, max_tokens=None, max_completion_tokens=5)
    check("n gives choices", [c.index for c in several.choices] == [0, 1, 2] and several.usage.completion_tokens == 15)
    logprobs = chat("base", logprobs=True, top_logprobs=2, max_tokens=3).choices[0].logprobs.content
    check("log probabilities are given", len(logprobs) == 3 and all(len(entry.top_logprobs) == 2 for entry in logprobs))

    plain = client.completions.create(model="base", prompt=["What is", "The capital"], max_tokens=4, temperature=0)
    check("completions take several prompts", [c.index for c in plain.choices] == [0, 1])
    text = client.completions.create(model="base", prompt="The capital of", **GREEDY).choices[0].text
    streamed = client.completions.create(model="base", prompt="The capital of", stream=True, **GREEDY)
    check("a completion's stream joins to its text", "".join(c.choices[0].text for c in streamed) == text)
    check("a prompt may be token ids", client.completions.create(model="base", prompt=[5, 6, 7], max_tokens=1).usage.prompt_tokens == 3)

    error = raises(openai.NotFoundError, lambda: chat("default--a"))
    check("an unknown model is not found", error.code == "model_not_found" and "default--a" in error.message)
    error = raises(openai.BadRequestError, lambda: chat("base", max_tokens=10**6))
    check("too long a request says so", error.code == "context_length_exceeded")
    error = raises(openai.BadRequestError, lambda: chat("base", temperature=99))
    check("a bad member is named", error.param == "temperature")

    adapter = os.path.abspath(options.adapter)
    check("an adapter is loaded", admin("/v1/load_lora_adapter", lora_name="default--a", lora_path=adapter, version="1")["status"] == "loaded")
    check("the adapter is listed under its base", client.models.retrieve("default--a").parent == "default/base")
    adapted = text_of("default--a")
    check("the adapter answers differently", adapted != base)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(text_of, ["base", "default--a"] * 8))
    check("mixed batches answer as single requests do", answers == [base, adapted] * 8)

    long_one = chat("default--a", stream=True, max_tokens=400)
    first = next(long_one)
    check("an adapter is unloaded while it answers", admin("/v1/unload_lora_adapter", lora_name="default--a")["status"] == "unloaded")
    rest = [first] + list(long_one)
    check("the running answer ends as it began", rest[-1].choices[0].finish_reason == "length"
          and "".join(c.choices[0].delta.content or "" for c in rest).startswith(adapted))
    raises(openai.NotFoundError, lambda: chat("default--a"))
    check("the base model goes on", text_of("base") == base)


token = secrets.token_hex(16)
with tempfile.TemporaryDirectory() as directory:
    token_file = os.path.join(directory, "token")
    with open(token_file, "w") as file:
        file.write(token + "\n")
    server = subprocess.Popen([options.luthier, *options.verb.split(), "--model", options.model, "--served-name", "default/base",
                               "--served-name", "base", "--listen", "127.0.0.1:0", "--admin-token-file", token_file],
                              stdout=subprocess.PIPE, text=True)
    try:
        ready = server.stdout.readline().split()
        check("the server says that it is ready", len(ready) == 2 and ready[0] == "ready")
        url = ready[1]
        client = openai.OpenAI(base_url=url + "/v1", api_key="not-needed", max_retries=0, timeout=60)
        judge()
        begin = time.time()
        server.send_signal(signal.SIGTERM)
        check("the server ends with 0 within 5 s of SIGTERM", server.wait(10) == 0 and time.time() - begin < 5)
    finally:
        server.kill()
        server.wait()
print(f"all {passed} checks passed with openai {openai.__version__}")
