"""Appendix A: each call of the tutorial path and the requests that it makes, by NVIDIA's client with its traffic written down."""

import httpx
import pytest
from nemo_platform import ConflictError, NeMoPlatform
from support import TINY, Paths, ended, rows_as_text, training, unique, wait_until

WS = "default"


@pytest.fixture(scope="module")
def traffic():
    """(method, raw path with query, status) of everything that the client has sent."""
    return []


@pytest.fixture(scope="module")
def client(base_url, traffic):
    """Row 1: making a client sends nothing."""
    http = httpx.Client(
        base_url=base_url,
        timeout=60,
        follow_redirects=True,
        event_hooks={
            "response": [
                lambda response: traffic.append((response.request.method, response.request.url.raw_path.decode(), response.status_code))
            ]
        },
    )
    made = NeMoPlatform(base_url=base_url, workspace=WS, http_client=http)
    assert traffic == []
    return made


@pytest.fixture(autouse=True)
def forget(traffic):
    traffic.clear()


@pytest.fixture(scope="module")
def names():
    return {kind: unique(kind) for kind in ("data", "base", "secret", "job")}


@pytest.fixture(scope="module")
def paths():
    return Paths(WS)


@pytest.fixture(scope="module")
def filled(client, names, tmp_path_factory):
    """Rows 2 and 3 done: a dataset with two files, put by a Path."""
    directory = tmp_path_factory.mktemp("data")
    (directory / "training.jsonl").write_text(rows_as_text())
    (directory / "validation.jsonl").write_text(rows_as_text()[:100].splitlines()[0] + "\n")
    client.files.filesets.create(workspace=WS, name=names["data"], description="rows", cache=True)
    client.files.fsspec.put(lpath=directory, rpath=f"{WS}/{names['data']}/", recursive=True)
    return names["data"]


@pytest.fixture(scope="module")
def base(client, names):
    """Rows 6, 7 and 9 done, the weights uploaded."""
    client.files.filesets.create(workspace=WS, name=names["base"], cache=True)
    client.files.fsspec.put(lpath=TINY, rpath=f"{WS}/{names['base']}/", recursive=True)
    client.models.create(workspace=WS, name=names["base"], fileset=f"{WS}/{names['base']}", trust_remote_code=False)
    wait_until(lambda: client.models.retrieve(names["base"]).spec, 60, what="the spec")
    return names["base"]


@pytest.fixture(scope="module")
def done(client, api, paths, names, filled, base):
    """Row 10 done and the job ended."""
    job = client.customization.jobs.create(
        name=names["job"],
        workspace=WS,
        spec={
            "model": f"{WS}/{base}",
            "dataset": f"fileset://{WS}/{filled}",
            "training": training(),
            "deployment_config": {"lora_enabled": True, "gpu": 1},
        },
    )
    ended(api, paths, job.name)
    return job


def test_row_2_a_fileset_is_created_and_the_second_time_a_conflict(client, traffic, paths):
    name = unique("fs")
    client.files.filesets.create(workspace=WS, name=name, description="d", cache=True)
    with pytest.raises(ConflictError):
        client.files.filesets.create(workspace=WS, name=name, description="d", cache=True)
    assert traffic == [("POST", paths.filesets, 200), ("POST", paths.filesets, 409)]


def test_row_3_a_directory_is_put_to_the_root(api, paths, filled):
    assert [row["path"] for row in api.rows(f"{paths.filesets}/{filled}/files")] == ["training.jsonl", "validation.jsonl"]


def test_row_4_files_are_listed(client, filled):
    assert sorted(file.path for file in client.files.list(fileset=filled, workspace=WS).data) == ["training.jsonl", "validation.jsonl"]


def test_row_5_a_secret_is_created_and_retrieved(client, traffic, paths, names):
    client.secrets.create(workspace=WS, name=names["secret"], value="v")
    assert client.secrets.retrieve(names["secret"], workspace=WS).name == names["secret"]
    assert traffic == [("POST", paths.secrets, 201), ("GET", f"{paths.secrets}/{names['secret']}", 200)]


def test_row_6_a_fileset_of_the_hub_is_one_request_that_is_understood(client, traffic, paths):
    try:
        client.with_options(max_retries=0).files.filesets.create(
            workspace=WS,
            name=unique("hub"),
            storage={"type": "huggingface", "repo_id": "Qwen/Qwen3-0.6B", "repo_type": "model"},
            cache=True,
        )
    except Exception as error:  # there is no hub here: a reason is as good as success
        assert getattr(error, "status_code", None) in (400, 502), error
    assert [(method, path) for method, path, _ in traffic] == [("POST", paths.filesets)]


def test_rows_7_and_8_a_model_is_created_and_on_conflict_updated(client, traffic, paths, base):
    with pytest.raises(ConflictError, match="already exists"):
        client.models.create(workspace=WS, name=base, fileset=f"{WS}/{base}", trust_remote_code=False)
    assert client.models.update(base, workspace=WS, fileset=f"{WS}/{base}").fileset == f"{WS}/{base}"
    assert traffic == [("POST", paths.models, 409), ("PATCH", f"{paths.models}/{base}", 200)]


def test_row_9_a_model_is_retrieved_until_it_has_a_spec(client, traffic, paths, base):
    assert wait_until(lambda: client.models.retrieve(base).spec, 30).family == "llama"
    assert traffic[-1] == ("GET", f"{paths.models}/{base}", 200)


def test_row_10_a_job_is_created(client, traffic, paths, filled, base):
    job = client.customization.jobs.create(
        name=unique("job"), workspace=WS, spec={"model": f"{WS}/{base}", "dataset": f"fileset://{WS}/{filled}", "training": training()}
    )
    assert traffic == [("POST", paths.customization, 201)] and job.spec.output.name
    client.customization.jobs.cancel(job.name)


def test_row_11_a_jobs_status_is_asked_for(client, traffic, paths, done):
    status = client.customization.jobs.get_status(done.name)
    assert status.status == "completed" and traffic == [("GET", f"{paths.customization}/{done.name}/status", 200)]
    training_step = next(step for step in status.steps if step.name == "customization-training-job")
    assert training_step.tasks[0].status_details["step"] == training_step.tasks[0].status_details["max_steps"]


def test_row_12_the_adapter_is_seen_by_both_calls(client, traffic, paths, base, done):
    assert done.spec.output.name in [adapter.name for adapter in client.models.retrieve(base, workspace=WS).adapters]
    assert done.spec.output.name in [adapter.name for adapter in client.adapters.list(workspace=WS)]
    assert traffic[0] == ("GET", f"{paths.models}/{base}", 200) and traffic[1] == ("GET", paths.adapters, 200)


def test_row_13_the_deployment_has_the_computed_name(client, traffic, paths, base, done):
    assert wait_until(lambda: client.inference.deployments.retrieve(f"sft-deploy-{base}").status == "READY", 120, what="READY")
    assert traffic[-1] == ("GET", f"{paths.deployments}/sft-deploy-{base}", 200)


def test_row_14_the_gateway_is_waited_for(client, traffic, paths, base, done, capsys):
    assert client.models.wait_for_gateway(f"sft-deploy-{base}", timeout=120)
    assert traffic[-1] == ("GET", f"{paths.gateway}/provider/sft-deploy-{base}/ready", 200)


def test_row_15_an_adapter_is_disabled_and_enabled(client, traffic, paths, base, done):
    for enabled in (False, True):
        assert client.models.adapters.update(done.spec.output.name, model_name=base, enabled=enabled).enabled is enabled
    assert traffic == [("PATCH", f"{paths.models}/{base}/adapters/{done.spec.output.name}", 200)] * 2


def test_row_16_the_adapter_answers_by_its_name(client, traffic, paths, base, done, capsys):
    assert client.models.wait_for_gateway(f"sft-deploy-{base}", timeout=120)

    def ask(model):
        try:
            return client.with_options(max_retries=0).inference.gateway.provider.post(
                "v1/chat/completions",
                name=f"sft-deploy-{base}",
                workspace=WS,
                body={"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4},
            )
        except Exception:  # between enabling and its effect the adapter may still be absent
            return None

    for model in (f"{WS}--{done.spec.output.name}", done.spec.output.name, f"{WS}/{base}"):
        assert wait_until(lambda: ask(model), 30, what=model)["choices"][0]["message"]["content"] is not None
    assert traffic[-1] == ("POST", f"{paths.gateway}/provider/sft-deploy-{base}/-/v1%2Fchat%2Fcompletions", 200)


def test_row_17_jobs_are_listed_cancelled_and_deleted_and_their_logs_read(client, traffic, paths, filled, base, done):
    spec = {"model": f"{WS}/{base}", "dataset": f"fileset://{WS}/{filled}", "training": training()}
    other = client.customization.jobs.create(name=unique("job"), spec=spec)
    traffic.clear()
    assert done.name in [job.name for job in client.customization.jobs.list(workspace=WS)]
    assert traffic[0] == ("GET", paths.customization, 200)
    traffic.clear()
    client.customization.jobs.cancel(other.name)
    client.customization.jobs.delete(other.name)
    list(client.jobs.get_logs(done.name))
    assert traffic[:3] == [
        ("POST", f"{paths.customization}/{other.name}/cancel", 200),
        ("DELETE", f"{paths.customization}/{other.name}", 204),
        ("GET", f"{paths.jobs}/{done.name}/logs", 200),
    ]
