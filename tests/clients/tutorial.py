#!/usr/bin/env python3
"""The fine-tuning tutorial from end to end on a model of two layers, through NVIDIA's client. Prints what it does.

    NMP_BASE_URL=http://127.0.0.1:PORT .venv-clients/bin/python tests/clients/tutorial.py

Exits with 0 when everything was as the tutorial says. A second run on the same server works too: names carry a suffix.
"""

import json
import os
import pathlib
import secrets
import sys
import tempfile
import time

from nemo_platform import APIStatusError, ConflictError, NeMoPlatform

WORKSPACE = "default"
TINY = pathlib.Path(__file__).resolve().parents[1] / "golden/models/llama-tiny"
suffix = secrets.token_hex(3)
started = time.monotonic()


def say(text):
    print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)


def wait(what, ask, seconds):
    deadline = time.monotonic() + seconds
    while not (value := ask()):
        if time.monotonic() > deadline:
            sys.exit(f"tutorial: {what} has not happened within {seconds} s")
        time.sleep(0.25)
    return value


def check(what, good):
    if not good:
        sys.exit(f"tutorial: {what} is not so")


client = NeMoPlatform(base_url=os.environ.get("NMP_BASE_URL", "http://localhost:8080"), workspace=WORKSPACE)

# 1. Filesets of the base model and of the rows.
base, rows = f"tutorial-base-{suffix}", f"tutorial-rows-{suffix}"
client.files.filesets.create(workspace=WORKSPACE, name=base, description="a Llama of two layers")
client.files.fsspec.put(lpath=TINY, rpath=f"{WORKSPACE}/{base}/", recursive=True)
say(f"fileset {base}: {', '.join(file.path for file in client.files.list(fileset=base, workspace=WORKSPACE).data)}")
try:
    client.files.filesets.create(workspace=WORKSPACE, name=base)
    sys.exit("tutorial: a second fileset of one name was made")
except ConflictError:
    say("a second fileset of that name is refused")
with tempfile.TemporaryDirectory() as directory:
    for name, count in (("training.jsonl", 16), ("validation.jsonl", 2)):
        lines = (json.dumps({"prompt": f"What is {n} plus one?", "completion": f"It is {n + 1}."}) for n in range(count))
        (pathlib.Path(directory) / name).write_text("\n".join(lines) + "\n")
    client.files.filesets.create(workspace=WORKSPACE, name=rows, purpose="dataset")
    client.files.fsspec.put(lpath=pathlib.Path(directory), rpath=f"{WORKSPACE}/{rows}/", recursive=True)
say(f"fileset {rows}: {', '.join(file.path for file in client.files.list(fileset=rows, workspace=WORKSPACE).data)}")

# 2. A model entity, and its spec.
model = client.models.create(workspace=WORKSPACE, name=base, fileset=f"{WORKSPACE}/{base}", trust_remote_code=False)
spec = wait("the model's spec", lambda: client.models.retrieve(workspace=WORKSPACE, name=base).spec, 600)
say(f"model {base}: {spec.family}, {spec.num_layers} layers, {spec.base_num_parameters:,} parameters")

# 3. The job.
job = client.customization.jobs.create(
    workspace=WORKSPACE,
    name=f"tutorial-job-{suffix}",
    spec={
        "model": f"{WORKSPACE}/{base}",
        "dataset": f"fileset://{WORKSPACE}/{rows}",
        "training": {"type": "sft", "epochs": 1, "batch_size": 4, "max_seq_length": 128, "peft": {"type": "lora", "rank": 8, "alpha": 32}},
        "deployment_config": {"lora_enabled": True, "gpu": 1},
    },
)
adapter = job.spec.output.name
say(f"job {job.name}: will make the {job.spec.output.type} {adapter}")

seen = None


def poll():
    global seen
    status = client.customization.jobs.get_status(name=job.name, workspace=WORKSPACE)
    step = status.steps[-1] if status.steps else None
    details = step.tasks[0].status_details if step and step.tasks else {}
    now = (status.status, step and step.name, details.get("step"), details.get("max_steps"))
    if now != seen:
        progress = f", step {now[2]} of {now[3]}, loss {details.get('train_loss')}" if now[3] else ""
        say(f"job {job.name}: {now[0]}{f', {now[1]}' if now[1] else ''}{progress}")
        seen = now
    return status if status.status in ("completed", "error", "cancelled") else None


status = wait("the job's end", poll, 600)
check(f"that the job has completed ({status.error_details})", status.status == "completed")

# 4. The adapter, and the deployment that serves it.
found = next((each for each in client.models.retrieve(workspace=WORKSPACE, name=base).adapters if each.name == adapter), None)
check("that the model has the adapter", found is not None and found.enabled and found.finetuning_type == "lora")
say(f"adapter {found.name}: files in {found.fileset}, enabled")
deployment = f"sft-deploy-{base}"


def deployed():
    try:
        return client.inference.deployments.retrieve(deployment, workspace=WORKSPACE).status == "READY"
    except APIStatusError:
        return False


wait(f"deployment {deployment}", deployed, 300)
say(f"deployment {deployment}: READY")
check("that the gateway knows the deployment", client.models.wait_for_gateway(deployment, workspace=WORKSPACE, timeout=120))


def chat(name):
    """The answer of the model of that name, or None where the gateway says that there is none."""
    try:
        answer = client.with_options(max_retries=0).inference.gateway.provider.post(
            "v1/chat/completions",
            name=deployment,
            workspace=WORKSPACE,
            body={"model": name, "messages": [{"role": "user", "content": "What is 3 plus one?"}], "max_tokens": 12, "temperature": 0},
        )
    except APIStatusError as error:
        check(f"that an absent adapter is 404 or 502 and not {error.status_code}", error.status_code in (404, 502))
        return None
    return answer["choices"][0]["message"]["content"]


for name in (f"{WORKSPACE}--{adapter}", adapter, f"{WORKSPACE}/{base}"):
    text = wait(f"an answer of {name}", lambda: [answer] if (answer := chat(name)) is not None else None, 60)[0]
    say(f"chat with {name}: {text!r}")

# 5. Off and on again.
client.models.update_adapter(model_name=base, workspace=WORKSPACE, adapter_name=adapter, enabled=False)
wait("the adapter's leaving", lambda: chat(f"{WORKSPACE}--{adapter}") is None, 60)
say(f"adapter {adapter}: disabled, and gone from inference")
client.models.update_adapter(model_name=base, workspace=WORKSPACE, adapter_name=adapter, enabled=True)
wait("the adapter's return", lambda: chat(f"{WORKSPACE}--{adapter}") is not None, 60)
say(f"adapter {adapter}: enabled, and back")
text = (
    client.models.get_openai_client(workspace=WORKSPACE)
    .chat.completions.create(model=f"{WORKSPACE}/{base}", messages=[{"role": "user", "content": "Hello"}], max_tokens=8)
    .choices[0]
    .message.content
)
say(f"the openai client: {text!r}")
say("the tutorial has come to its end")
