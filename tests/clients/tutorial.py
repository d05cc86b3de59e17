#!/usr/bin/env python3
"""The fine-tuning tutorial from end to end through NVIDIA's client, on a model of two layers that is made on the spot: it learns to say
eight colours in French. Prints what it does.

    NMP_BASE_URL=http://127.0.0.1:PORT .venv-clients/bin/python tests/clients/tutorial.py

Exits with 0 when everything was as the tutorial says, and then leaves nothing behind. Names carry a suffix, so that any server will do.
"""

import json
import os
import pathlib
import secrets
import sys
import tempfile
import time

import openai
import tiny_model
from nemo_platform import APIStatusError, ConflictError, NeMoPlatform, NotFoundError

WORKSPACE = "default"
COLOURS = dict(red="rouge", green="vert", blue="bleu", white="blanc", black="noir", yellow="jaune", grey="gris", brown="brun")
SETTINGS = {"max_tokens": 12, "temperature": 0}
suffix = secrets.token_hex(3)
base, rows, job_name = f"tutorial-base-{suffix}", f"tutorial-rows-{suffix}", f"tutorial-job-{suffix}"
deployment, config = f"sft-deploy-{base}", f"sft-cfg-{base}"  # the names that the platform gives
started = time.monotonic()


def say(text):
    print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)


def wait(what, ask, seconds):
    deadline = time.monotonic() + seconds
    while not (value := ask()):
        if time.monotonic() > deadline:
            sys.exit(f"tutorial: {what} has not happened within {seconds} s")
        time.sleep(0.1)
    return value


def check(what, good):
    if not good:
        sys.exit(f"tutorial: {what} is not so")


def found(ask):
    """What `ask` answers, or None where the server says that there is no such thing."""
    try:
        return ask()
    except NotFoundError:
        return None


client = NeMoPlatform(base_url=os.environ.get("NMP_BASE_URL", "http://localhost:8080"), workspace=WORKSPACE)

# 1. Filesets of the base model and of the rows.
with tempfile.TemporaryDirectory() as directory:
    model_files, row_files = pathlib.Path(directory, "model"), pathlib.Path(directory, "rows")
    tiny_model.make(model_files)
    client.files.filesets.create(workspace=WORKSPACE, name=base, description="a Llama of two layers")
    client.files.fsspec.put(lpath=model_files, rpath=f"{WORKSPACE}/{base}/", recursive=True)
    row_files.mkdir()
    texts = [json.dumps({"messages": [{"role": "user", "content": c}, {"role": "assistant", "content": f}]}) for c, f in COLOURS.items()]
    (row_files / "training.jsonl").write_text("\n".join(texts) + "\n")
    (row_files / "validation.jsonl").write_text("\n".join(texts[:2]) + "\n")
    client.files.filesets.create(workspace=WORKSPACE, name=rows, purpose="dataset")
    client.files.fsspec.put(lpath=row_files, rpath=f"{WORKSPACE}/{rows}/", recursive=True)
for fileset in (base, rows):
    say(f"fileset {fileset}: {', '.join(file.path for file in client.files.list(fileset=fileset, workspace=WORKSPACE).data)}")
try:
    client.files.filesets.create(workspace=WORKSPACE, name=base)
    sys.exit("tutorial: a second fileset of one name was made")
except ConflictError:
    say("a second fileset of that name is refused")

# 2. A model entity, and its spec.
client.models.create(workspace=WORKSPACE, name=base, fileset=f"{WORKSPACE}/{base}", trust_remote_code=False)
spec = wait("the model's spec", lambda: client.models.retrieve(workspace=WORKSPACE, name=base).spec, 600)
say(f"model {base}: {spec.family}, {spec.num_layers} layers, {spec.base_num_parameters:,} parameters")

# 3. The job.
job = client.customization.jobs.create(
    workspace=WORKSPACE,
    name=job_name,
    spec={
        "model": f"{WORKSPACE}/{base}",
        "dataset": f"fileset://{WORKSPACE}/{rows}",
        "training": {
            "type": "sft",
            "epochs": 60,
            "batch_size": 8,
            "learning_rate": 0.01,
            "max_seq_length": 128,
            "log_every_n_steps": 1,
            "peft": {"type": "lora", "rank": 8, "alpha": 32},
        },
        "deployment_config": {"lora_enabled": True, "gpu": 1},
    },
)
adapter = job.spec.output.name
served = f"{WORKSPACE}--{adapter}"
check("that the job makes an adapter", job.spec.output.type == "adapter")
say(f"job {job_name}: will make the adapter {adapter}")

shown = None


def ended():
    """The job's status once it has ended. Until then, a line whenever there is something new to say."""
    global shown
    status = client.customization.jobs.get_status(name=job_name, workspace=WORKSPACE)
    step = status.steps[-1] if status.steps else None
    details = (step.tasks[0].status_details if step and step.tasks else None) or {}
    now = (status.status, step and step.name, details.get("step", 0) // 20)
    if now != shown:
        progress = f", step {details['step']} of {details['max_steps']}" if details.get("step") else ""
        say(f"job {job_name}: {now[0]}{f', {now[1]}' if now[1] else ''}{progress}")
        shown = now
    return status if status.status in ("completed", "error", "cancelled") else None


status = wait("the job's end", ended, 600)
check(f"that the job has completed ({status.error_details})", status.status == "completed")
training = next(step for step in status.steps if step.name == "customization-training-job").tasks[0].status_details
losses = [point["value"] for point in training["metrics"]["train_loss"]]
say(f"job {job_name}: {training['step']} steps, loss {losses[0]:.2f} -> {losses[-1]:.2f}")
check("that every step was done", training["step"] == training["max_steps"] == 60)
check("that the loss has fallen", losses[-1] < losses[0] / 4)
check("that the job is in the list", job_name in [each.name for each in client.customization.jobs.list(workspace=WORKSPACE)])
check("that the job has a log", list(client.jobs.get_logs(job_name, workspace=WORKSPACE)))

# 4. The adapter, and the deployment that serves it.
made = next((each for each in client.models.retrieve(workspace=WORKSPACE, name=base).adapters if each.name == adapter), None)
check("that the model has the adapter", made is not None and made.enabled and made.finetuning_type == "lora")
say(f"adapter {made.name}: files in {made.fileset}, enabled")


def deployed():
    there = found(lambda: client.inference.deployments.retrieve(deployment, workspace=WORKSPACE))
    return there is not None and there.status == "READY"


wait(f"deployment {deployment}", deployed, 300)
say(f"deployment {deployment}: READY")
check("that the gateway knows the deployment", client.models.wait_for_gateway(deployment, workspace=WORKSPACE, timeout=120))


def chat(model, colour="red"):
    """What the model of that name says to a colour, or None where the gateway says that there is no such model."""
    body = {"model": model, "messages": [{"role": "user", "content": colour}], **SETTINGS}
    try:
        answer = client.with_options(max_retries=0).inference.gateway.provider.post(
            "v1/chat/completions", name=deployment, workspace=WORKSPACE, body=body
        )
    except APIStatusError as error:
        check(f"that an absent adapter is 404 or 502 and not {error.status_code}", error.status_code in (404, 502))
        return None
    return answer["choices"][0]["message"]["content"]


# The worker has it first; the gateway knows its shorter name when the worker has said so.
for name in (served, adapter):
    wait(f"{name} in inference", lambda name=name: chat(name) is not None, 60)
untrained = chat(f"{WORKSPACE}/{base}")
say(f"the base model says to red: {untrained!r}")
check("that the base model has not learned it", untrained not in COLOURS.values())
for name in (served, adapter):
    answers = {colour: chat(name, colour) for colour in COLOURS}
    say(f"the adapter says as {name}: {', '.join(map(str, answers.values()))}")
    check("that the adapter has learned its eight colours", answers == COLOURS)

# 5. The same through the openai client: the base model on the workspace's route, the adapter on its deployment's.
messages = [{"role": "user", "content": "blue"}]
everything = client.models.get_openai_client(workspace=WORKSPACE)
answer = everything.chat.completions.create(model=f"{WORKSPACE}/{base}", messages=messages, **SETTINGS)
check("that the base model answers the openai client", answer.choices[0].message.content not in (None, "bleu"))
url = client.models.get_provider_route_openai_url_for_deployment(client.inference.deployments.retrieve(deployment, workspace=WORKSPACE))
with openai.OpenAI(base_url=url, api_key="not-needed") as direct:
    answer = direct.chat.completions.create(model=served, messages=messages, **SETTINGS)
say(f"the adapter says to the openai client: {answer.choices[0].message.content!r}")
check("that the adapter answers the openai client", answer.choices[0].message.content == "bleu")

# 6. Off and on again.
client.models.update_adapter(model_name=base, workspace=WORKSPACE, adapter_name=adapter, enabled=False)
wait("the adapter's leaving", lambda: chat(served) is None, 60)
check("that the base model still answers", chat(f"{WORKSPACE}/{base}") == untrained)
say(f"adapter {adapter}: disabled, and gone from inference")
client.models.update_adapter(model_name=base, workspace=WORKSPACE, adapter_name=adapter, enabled=True)
wait("the adapter's return", lambda: chat(served) == "rouge", 60)
say(f"adapter {adapter}: enabled, and back")

# 7. Everything is deleted, what depends on another thing first.
client.customization.jobs.delete(job_name, workspace=WORKSPACE)
client.models.adapters.delete(adapter, model_name=base, workspace=WORKSPACE)
wait("the deleted adapter's leaving", lambda: chat(served) is None, 60)
client.inference.deployments.delete(deployment, workspace=WORKSPACE)
wait("the deployment's end", lambda: found(lambda: client.inference.providers.retrieve(deployment, workspace=WORKSPACE)) is None, 60)
client.inference.deployment_configs.delete(config, workspace=WORKSPACE)
client.models.delete(base, workspace=WORKSPACE)
for fileset in (made.fileset.removeprefix(f"{WORKSPACE}/"), rows, base):
    client.files.filesets.delete(fileset, workspace=WORKSPACE)
for ask in (
    lambda: client.customization.jobs.retrieve(job_name, workspace=WORKSPACE),
    lambda: client.adapters.retrieve(adapter, workspace=WORKSPACE),
    lambda: client.models.retrieve(base, workspace=WORKSPACE),
    lambda: client.files.filesets.retrieve(rows, workspace=WORKSPACE),
):
    check("that what was deleted is not found", found(ask) is None)
say("job, adapter, deployment, model and filesets: deleted")
say("the tutorial has come to its end")
