#!/usr/bin/env python3
"""A publisher and subscriber of Luthier in one file, with nats-py alone: creates a model from a fileset, starts a LoRA job
on it, and prints the job's events until it ends.

    publish_and_subscribe.py DATA/nats/client.url WORKSPACE FILESET MODEL DATASET OUTPUT [STEPS]

FILESET holds the model's files, DATASET the rows; MODEL and OUTPUT are names for the new model and adapter. Ends with 0 when
the job completed, 1 when it did not, 2 when something was refused. Needs `pip install nats-py`.
"""
import asyncio
import json
import re
import sys
import uuid

import nats
from nats.errors import TimeoutError as NatsTimeout


def token(name):
    """A name becomes one token of a subject: what NATS gives a meaning to is percent-encoded."""
    return re.sub(r"[\x00-\x20\x7f.*>%]", lambda found: "%%%02X" % ord(found[0]), name)


async def command(connection, entity, kind, workspace, name, data):
    """Sends a durable command and gives its receipt.

    The server's acknowledgement says only that the command is stored; the receipt, that its events are on disk. If none
    comes, the same command is sent again: its id makes sure that it never takes effect twice.
    """
    envelope = {"id": f"example-{uuid.uuid4()}", "type": kind, "workspace": workspace, "name": name, "data": data}
    subject = f"luthier.v1.cmd.{token(workspace)}.{entity}.{kind}"
    receipts = await connection.subscribe(f"luthier.v1.receipt.{token(envelope['id'])}")
    for _ in range(5):
        print(f"> {subject}\n  {json.dumps(envelope)}", flush=True)
        await connection.jetstream().publish(subject, json.dumps(envelope).encode())
        try:
            message = await receipts.next_msg(timeout=10)
        except NatsTimeout:
            continue
        print(f"< {message.subject}\n  {message.data.decode()}", flush=True)
        return json.loads(message.data)
    sys.exit(f"{kind}: no receipt came")


async def follow(events):
    """Prints the events of a job. True: it completed."""
    while True:
        message = await events.next_msg(timeout=600)
        event = json.loads(message.data)
        print(f"< {message.subject}\n  position {event['position']}, {event['time']}\n  {json.dumps(event['data'])}", flush=True)
        if event["type"] in ("luthier.JobCompleted.v1", "luthier.JobFailed.v1", "luthier.JobCancelled.v1"):
            return event["type"] == "luthier.JobCompleted.v1"


async def main(url_file, workspace, fileset, model, dataset, output, steps="10"):
    with open(url_file) as file:
        connection = await nats.connect(file.read().strip())

    receipt = await command(connection, "model", "CreateModel", workspace, model, {"fileset": fileset})
    if receipt["status"] != "accepted" and receipt["error"]["code"] != "conflict":  # conflict: it is there already
        return 2

    events = await connection.subscribe(f"luthier.v1.evt.{token(workspace)}.job.{token(output)}.*")
    await connection.flush()
    config = {
        "method": "lora",
        "lora": {"r": 8, "alpha": 32, "dropout": 0, "target_modules": "all-linear"},
        "max_steps": int(steps),
        "batch_size": 8,
        "learning_rate": 1e-3,
        "warmup_steps": 2,
        "schedule": "linear",
        "max_grad_norm": 1.0,
        "max_seq_length": 256,
    }
    data = {"model": model, "dataset": dataset, "output": output, "config": config}
    receipt = await command(connection, "job", "StartJob", workspace, output, data)
    if receipt["status"] != "accepted":
        return 2
    completed = await follow(events)
    await connection.close()
    return 0 if completed else 1


if __name__ == "__main__":
    if len(sys.argv) not in (7, 8):
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(*sys.argv[1:])))
