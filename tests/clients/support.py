"""What the suites share: plain HTTP beside the real clients, names, waiting, and how errors are read."""

import json
import os
import pathlib
import secrets
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/golden/models/llama-tiny"
TINY_ADAPTER = ROOT / "tests/golden/models/llama-tiny-adapter"
MOCK_PREFIX = os.environ.get("LUTHIER_TEST_MOCK_PREFIX", "")  # what the server was started with, see `run`
NGC_KEY = os.environ.get("LUTHIER_TEST_NGC_KEY", "")

ENTITIES = "/apis/entities/v2"
WORKSPACES = ENTITIES + "/workspaces"
GATEWAY = "/apis/inference-gateway/v2/workspaces"
PAGINATION = {"page", "page_size", "current_page_size", "total_pages", "total_results"}


def unique(prefix="t"):
    return f"{prefix}-{secrets.token_hex(4)}"


class Paths:
    """The collections of one workspace."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.members = f"{WORKSPACES}/{workspace}/members"
        self.projects = f"{WORKSPACES}/{workspace}/projects"
        self.entities = f"{WORKSPACES}/{workspace}/entities"
        self.secrets = f"/apis/secrets/v2/workspaces/{workspace}/secrets"
        self.filesets = f"/apis/files/v2/workspaces/{workspace}/filesets"
        models = f"/apis/models/v2/workspaces/{workspace}"
        self.models = models + "/models"
        self.adapters = models + "/adapters"
        self.prompts = models + "/prompts"
        self.configs = models + "/deployment-configs"
        self.deployments = models + "/deployments"
        self.providers = models + "/providers"
        customization = f"/apis/customization/v2/workspaces/{workspace}"
        self.customization = customization + "/jobs"
        self.automodel = customization + "/automodel/jobs"
        self.unsloth = customization + "/unsloth/jobs"
        self.jobs = f"/apis/jobs/v2/workspaces/{workspace}/jobs"
        self.gateway = f"{GATEWAY}/{workspace}"
        self.virtual_models = self.gateway + "/virtual-models"


class Api:
    """Plain HTTP. A call names the status that it expects; anything else is a failure that shows the whole answer."""

    def __init__(self, base_url, **headers):
        self.base_url = base_url
        self.http = httpx.Client(base_url=base_url, timeout=60, headers=headers)

    def call(self, method, path, expected=None, **arguments):
        answer = self.http.request(method, path, **arguments)
        if expected is not None:
            allowed = (expected,) if isinstance(expected, int) else tuple(expected)
            assert answer.status_code in allowed, f"{method} {path}: {answer.status_code} instead of {expected}: {answer.text[:1000]}"
        if answer.status_code == 409:
            assert answer.headers.get("x-should-retry") == "false", f"{method} {path}: a 409 without x-should-retry: false"
        return answer

    def get(self, path, expected=200, **arguments):
        return self.call("GET", path, expected, **arguments)

    def head(self, path, expected=200, **arguments):
        return self.call("HEAD", path, expected, **arguments)

    def post(self, path, body=None, expected=201, **arguments):
        return self.call("POST", path, expected, **({} if body is None else {"json": body}), **arguments)

    def put(self, path, body=None, expected=200, **arguments):
        return self.call("PUT", path, expected, **({} if body is None else {"json": body}), **arguments)

    def patch(self, path, body=None, expected=200, **arguments):
        return self.call("PATCH", path, expected, **({} if body is None else {"json": body}), **arguments)

    def delete(self, path, expected=204, **arguments):
        return self.call("DELETE", path, expected, **arguments)

    def names(self, path, /, expected=200, **query):
        """The names in a list's answer, in its order. A dictionary as filter goes as JSON."""
        return [row["name"] for row in self.rows(path, expected, **query)]

    def rows(self, path, /, expected=200, **query):
        query = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in query.items()}
        return self.get(path, expected, params=query).json().get("data")


def detail(answer):
    """The detail of an error as one text, whichever of its two forms it has."""
    value = answer.json()["detail"]
    return value if isinstance(value, str) else json.dumps(value)


def problems(answer):
    """The list form of a 422: [(type, loc, msg)]."""
    value = answer.json()["detail"]
    assert isinstance(value, list) and value, f"a list of problems is expected, not {value!r}"
    return [(item["type"], tuple(item["loc"]), item["msg"]) for item in value]


def says(answer, *texts):
    for text in texts:
        assert text.lower() in detail(answer).lower(), f"{text!r} is not in {detail(answer)!r}"


def wait_until(ask, seconds=60, every=0.2, what="it"):
    """What `ask` answers, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while True:
        value = ask()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} has not happened within {seconds} s"
        time.sleep(every)


def page_is_whole(answer):
    assert PAGINATION == set(answer["pagination"]), answer["pagination"]
    assert answer["pagination"]["current_page_size"] == len(answer["data"])


ROWS = [{"prompt": f"What is {n} plus one?", "completion": f"It is {n + 1}."} for n in range(12)]


def rows_as_text(rows=None):
    return "".join(json.dumps(row) + "\n" for row in (ROWS if rows is None else rows))


def upload(api, paths, fileset, files):
    """A fileset with files, as {path: bytes or text}."""
    api.post(paths.filesets, {"name": fileset}, 200)
    for path, content in files.items():
        api.call("PUT", f"{paths.filesets}/{fileset}/-/{path}", 200, content=content, headers={"content-type": "application/octet-stream"})
    return f"{paths.workspace}/{fileset}"


def analysed(api, paths, name, files):
    """A model of these files, whose checkpoint has been read."""
    upload(api, paths, name, files)
    api.post(paths.models, {"name": name, "fileset": f"{paths.workspace}/{name}"})
    wait_until(lambda: api.get(f"{paths.models}/{name}").json()["spec"], 60, what=f"the analysis of {name}")
    return name


def record(job, message, step="s1", task="t1", time=1_760_000_000_000_000_000):
    """One line of a log as OpenTelemetry sends it."""
    keys = {"workspace": "w", "job": job, "job_attempt": "0", "job_step": step, "job_task": task}
    return {
        "timeUnixNano": str(time),
        "body": {"stringValue": message},
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in keys.items()],
    }


def envelope(*records):
    """A request of OpenTelemetry's with these lines."""
    return {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {}, "logRecords": list(records)}]}]}


def tiny_files(directory=TINY):
    return {file.name: file.read_bytes() for file in sorted(directory.iterdir())}


def training(**more):
    """The smallest training that is one: two steps of one row."""
    return {
        "type": "sft",
        "epochs": 1,
        "max_steps": 2,
        "batch_size": 1,
        "micro_batch_size": 1,
        "max_seq_length": 64,
        "peft": {"type": "lora", "rank": 4, "alpha": 8},
    } | more


def ended(api, paths, name, seconds=300, status="completed"):
    """Waits for a job's end and checks how it ended."""

    def ask():
        answer = api.get(f"{paths.jobs}/{name}/status").json()
        return answer if answer["status"] in ("completed", "error", "cancelled") else None

    answer = wait_until(ask, seconds, 0.1, f"the end of job {name}")
    assert answer["status"] == status, f"job {name} ended as {answer['status']}: {answer['error_details']}"
    return answer


def automodel(base_model, dataset, **more):
    """A spec of the automodel form."""
    return {
        "model": f"default/{base_model}",
        "dataset": {"training": f"default/{dataset}"},
        "training": {"lora": {"rank": 4, "alpha": 8}, "max_seq_length": 64},
        "schedule": {"max_steps": 2},
        "batch": {"global_batch_size": 1},
        **more,
    }


def unsloth(base_model, dataset, **more):
    """A spec of the unsloth form."""
    return {
        "model": {"name": f"default/{base_model}", "max_seq_length": 64, "load_in_4bit": False},
        "dataset": {"path": f"default/{dataset}", "text_field": "completion"},
        "schedule": {"max_steps": 2},
        "training": {"lora": {"rank": 4, "alpha": 8}},
        **more,
    }
