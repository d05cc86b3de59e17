#!/usr/bin/env python3
"""Luthier's main job through NVIDIA's Python client: upload, fine-tune, serve, compare, switch the adapter off and on.

    pip install nemo-platform==0.3.0 openai ./python             # NVIDIA's client as it is, and the calls that no release of it has
    export NMP_BASE_URL=http://127.0.0.1:8080                    # where `luthier up` listens
    docs/examples/nemo_client.py MODEL.gguf TRAIN.jsonl TEST.jsonl

The rows are chats that end in the right answer. How many of the test's answers are exactly right is counted before and after.
"""

import json
import os
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import openai
from nemo_platform import NeMoPlatform

WORKSPACE, MODEL, ROWS, ADAPTER, DEPLOYMENT = "default", "smol", "wordnet", "kinds", "serving"
BASE, TUNED = f"{WORKSPACE}/{MODEL}", f"{WORKSPACE}--{ADAPTER}"  # the names by which the two are asked


def main(gguf, train, test):
    client = NeMoPlatform(base_url=os.environ.get("NMP_BASE_URL", "http://localhost:8080"), workspace=WORKSPACE)

    step("The model: a file becomes a fileset, and a model entity that is described by reading it")
    upload(client, MODEL, gguf, "model")
    client.models.create(name=MODEL, fileset=f"{WORKSPACE}/{MODEL}")
    spec = wait_for(lambda: client.models.retrieve(MODEL).spec)
    show("client.models.retrieve", f"{spec.family}, {spec.num_layers} layers, {spec.base_num_parameters:,} parameters")

    step("The data: rows to train on")
    upload(client, ROWS, train, "dataset")
    for message in json.loads(train.read_text().split("\n", 1)[0])["messages"]:
        show(f"the first row, {message['role']}", message["content"])

    step("Serve it")
    client.inference.deployment_configs.create(
        name=DEPLOYMENT,
        engine="nim",
        model_spec={"model_namespace": WORKSPACE, "model_name": MODEL, "lora_enabled": True},
        executor_config={"gpu": 0},
    )
    client.inference.deployments.create(name=DEPLOYMENT, config=DEPLOYMENT)
    wait_for(lambda: client.inference.deployments.retrieve(DEPLOYMENT).status == "READY")
    show("client.inference.deployments.retrieve", "READY")
    question = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0}
    answer = client.inference.gateway.provider.post("v1/chat/completions", name=DEPLOYMENT, body={"model": BASE, **question})
    show("client.inference.gateway.provider.post", answer["choices"][0]["message"]["content"])
    ai = openai_client(client)

    step("Before: how many of the unseen definitions does it name right?")
    before, count = exactly_right(ai, BASE, test)
    show("exactly right", f"{before} of {count}")

    step("Fine-tune: LoRA of rank 8 on all linear layers, one epoch")
    job = client.customization.jobs.create(
        name="kinds-1",
        spec={
            "model": BASE,
            "dataset": f"fileset://{WORKSPACE}/{ROWS}",
            "training": {
                "type": "sft",
                "epochs": 1,
                "batch_size": 8,
                "learning_rate": 1e-3,
                "warmup_steps": 5,
                "weight_decay": 0,
                "max_seq_length": 512,
                "peft": {"type": "lora", "rank": 8, "alpha": 32},
            },
            "output": {"name": ADAPTER},
        },
    )
    show("client.customization.jobs.create", f"{job.name}: {job.status}, will make the {job.spec.output.type} {job.spec.output.name}")
    watch(client, job.name)

    step("The adapter: made by the job, enabled, and loaded into the running server")
    adapter = wait_for(lambda: next(iter(client.models.retrieve(MODEL).adapters or []), None))
    show("client.models.retrieve", f"adapter {adapter.name}: {adapter.finetuning_type}, rank {adapter.lora_config.rank}, {adapter.fileset}")
    wait_for(lambda: answers(ai, TUNED))
    show("openai, chat.completions.create", f"{TUNED} answers")

    step("After: the same questions, asked of the adapter")
    after, count = exactly_right(ai, TUNED, test)
    show("exactly right", f"{after} of {count}")

    step("Disable it: requests that name it are refused, others go on. Enable it again")
    for enabled in (False, True):
        begin = time.monotonic()
        client.models.update_adapter(model_name=MODEL, adapter_name=ADAPTER, enabled=enabled)
        wait_for(lambda: answers(ai, TUNED) is enabled, every=0.01)
        effect = f"{TUNED} {'answers' if enabled else 'is refused'} after {ms_since(begin)} ms"
        show(f"client.models.update_adapter(enabled={enabled})", f"{effect}; {BASE} {'answers' if answers(ai, BASE) else 'is refused'}")

    step("Results")
    show("exactly right, before", f"{before} of {count}")
    show("exactly right, after", f"{after} of {count}")
    return 0 if after > before else 1


def upload(client, fileset, file, purpose):
    client.files.filesets.create(name=fileset, purpose=purpose)
    client.files.fsspec.put(lpath=str(file), rpath=f"{WORKSPACE}/{fileset}/{file.name}")
    for found in client.files.list(fileset=fileset).data:
        show("client.files.list", f"{fileset}: {found.path}, {found.size:,} bytes")


def openai_client(client):
    """OpenAI's client on the deployment's own route: there the base model and its adapters are asked by their names."""
    url = client.models.get_provider_route_openai_url_for_deployment(client.inference.deployments.retrieve(DEPLOYMENT))
    return openai.OpenAI(base_url=url, api_key="not-needed", max_retries=0)


def chat(ai, model, messages, max_tokens):
    answer = ai.chat.completions.create(model=model, messages=messages, max_tokens=max_tokens, temperature=0)
    return answer.choices[0].message.content.strip()


def answers(ai, model):
    """Whether the model of that name is served now. Where it is not, the gateway passes the server's 404 on as a 502, as NVIDIA's does."""
    try:
        chat(ai, model, [{"role": "user", "content": "hello"}], 1)
    except openai.APIStatusError as error:
        if error.status_code not in (404, 502):
            raise
        return False
    return True


def exactly_right(ai, model, test):
    """How many of the chats in a file the model ends as they end there, and how many there are."""
    chats = [json.loads(line)["messages"] for line in test.read_text().splitlines()]
    with ThreadPoolExecutor(8) as pool:  # the server answers eight at once faster than one after the other
        said = list(pool.map(lambda messages: chat(ai, model, messages[:-1], 16), chats))
    return sum(text == messages[-1]["content"].strip() for text, messages in zip(said, chats)), len(chats)


def watch(client, job):
    """Says how a job goes until it has ended."""
    shown = None
    while True:
        status = client.customization.jobs.get_status(job)
        details = status.status_details or {}
        now = (status.status, details.get("step", 0) // 10)
        if now != shown and details.get("train_loss"):
            progress = f"step {details['step']} of {details['max_steps']}, loss {details['train_loss']:.3f}"
            show("client.customization.jobs.get_status", progress)
            shown = now
        if status.status in ("completed", "error", "cancelled"):
            show("client.customization.jobs.get_status", status.status)
            if status.status != "completed":
                sys.exit(f"the job has failed: {status.error_details}")
            return
        time.sleep(0.25)


def wait_for(ask, seconds=300, every=0.1):
    """What `ask` answers, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (value := ask()):
        if time.monotonic() > deadline:
            sys.exit(f"this has not come within {seconds} s")
        time.sleep(every)
    return value


def ms_since(begin):
    return round((time.monotonic() - begin) * 1000)


def step(title):
    print(f"\n== {title}", flush=True)


def show(call, answer):
    print(f"  {call:<46} {answer}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*map(pathlib.Path, sys.argv[1:])))
