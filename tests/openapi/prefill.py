#!/usr/bin/env python3
"""Fills an empty server, so that requests of the OpenAPI check find something: one thing of each kind called `kept`, which no
request deletes, and a few called `doomed-1` … of each kind that can be deleted.

    tests/openapi/prefill.py URL        prints the id of the entity `kept`

The server runs without controllers: nothing trains and nothing is served, and whoever calls moves steps and statuses.
"""

import json
import pathlib
import sys
import urllib.error
import urllib.request

MODELS = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/models"
DOOMED = [f"doomed-{number}" for number in range(1, 7)]
NAMES = ["kept", *DOOMED]
TRAINING = {"type": "sft", "epochs": 1, "max_steps": 2, "batch_size": 1, "micro_batch_size": 1, "max_seq_length": 64,
            "peft": {"type": "lora", "rank": 4, "alpha": 8}}  # fmt: skip


class Server:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def call(self, method, path, body=None):
        is_file = isinstance(body, bytes)
        data = body if is_file or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/octet-stream" if is_file else "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            sys.exit(f"prefill: {method} {path}: {refusal.code} {refusal.read().decode(errors='replace')[:1000]}")
        return json.loads(text) if text.startswith((b"{", b"[")) else None

    def post(self, path, body=None):
        return self.call("POST", path, body)

    def put(self, path, body=None):
        return self.call("PUT", path, body)


def workspaces(server):
    for name in NAMES:
        server.post("/apis/entities/v2/workspaces", {"name": name})
    members = "/apis/entities/v2/workspaces/kept/members"
    for name in NAMES:
        server.post(members, {"principal": name, "roles": ["Editor"]})


def entities(server):
    base = "/apis/entities/v2/workspaces/kept"
    kept = None
    for name in NAMES:
        server.post(f"{base}/projects", {"name": name, "description": "a project"})
        server.post("/apis/secrets/v2/workspaces/kept/secrets", {"name": name, "value": "a value"})
        made = server.post(f"{base}/entities/thing", {"name": name, "data": {"colour": "red"}})
        kept = kept or made["id"]
    return kept


def files(server):
    base = "/apis/files/v2/workspaces/kept/filesets"
    for name in NAMES:
        server.post(base, {"name": name, "description": "files"})
    for path, content in {"a.txt": b"one", "dir/b.txt": b"two", "training.jsonl": b'{"prompt": "a", "completion": "b"}\n'}.items():
        server.put(f"{base}/kept/-/{path}", content)
    for name in DOOMED:
        server.put(f"{base}/kept/-/{name}", b"gone soon")
    for name in ("llama-tiny", "llama-tiny-adapter"):
        server.post(base, {"name": name, "purpose": "model"})
        for file in sorted((MODELS / name).iterdir()):
            server.put(f"{base}/{name}/-/{file.name}", file.read_bytes())


def models(server):
    base = "/apis/models/v2/workspaces/kept"
    for name in NAMES:
        server.post(f"{base}/models", {"name": name, "fileset": "kept/llama-tiny"})
        server.post(f"{base}/prompts", {"name": name, "description": "a prompt"})
    for name in NAMES:
        server.post(f"{base}/models/kept/adapters", {"name": name, "fileset": "kept/llama-tiny-adapter", "finetuning_type": "lora"})


def serving(server):
    base = "/apis/models/v2/workspaces/kept"
    config = {"engine": "nim", "model_spec": {"model_namespace": "kept", "model_name": "kept"}, "executor_config": {"gpu": 1}}
    for name in NAMES:
        server.post(f"{base}/deployment-configs", {"name": name, **config})
        server.post(f"{base}/deployment-configs/{name}", {**config, "description": "the second version"})
        server.post(f"{base}/deployments", {"name": name, "config": "kept"})
        server.post(f"{base}/providers", {"name": f"p-{name}", "host_url": "http://127.0.0.1:9"})
        server.post("/apis/inference-gateway/v2/workspaces/kept/virtual-models", {"name": name, "default_model_entity": "kept/kept"})
    server.post(f"{base}/providers", {"name": "igw-mock-kept", "host_url": "http://mock.local"})
    server.put(f"{base}/providers/p-kept/status", {"status": "READY"})


def jobs(server):
    base = "/apis/jobs/v2/workspaces/kept/jobs"
    step = {"name": "kept", "executor": {"provider": "subprocess", "command": ["/bin/true"]}}
    for name in NAMES:
        server.post(base, {"name": name, "source": "test", "spec": {"any": "thing"}, "platform_spec": {"steps": [step]}})
    server.call("PATCH", f"{base}/kept/steps/kept/status", {"status": "active"})
    server.put(f"{base}/kept/steps/kept/tasks/kept", {"status": "active"})
    server.post(f"{base}/kept/results/kept", {"artifact_url": "fileset://kept/kept", "artifact_storage_type": "fileset"})


def trainings(server):
    base = "/apis/customization/v2/workspaces/kept"
    for name in NAMES:
        spec = {"model": "kept/kept", "dataset": "fileset://kept/kept", "training": TRAINING}
        server.post(f"{base}/jobs", {"name": f"t-{name}", "spec": spec})
    result = {"artifact_url": "fileset://kept/kept#dir", "artifact_storage_type": "fileset"}
    server.post("/apis/jobs/v2/workspaces/kept/jobs/t-kept/results/kept", result)


def main():
    server = Server(sys.argv[1])
    workspaces(server)
    kept = entities(server)
    for fill in (files, models, serving, jobs, trainings):
        fill(server)
    print(kept)


if __name__ == "__main__":
    main()
