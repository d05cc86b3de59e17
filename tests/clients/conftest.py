"""Fixtures of the suites. NMP_BASE_URL names the server; `run` starts one, and a second without controllers for `by_hand`."""

import os
import types

import pytest
from nemo_platform import NeMoPlatform
from support import ROWS, Api, Paths, analysed, ended, rows_as_text, tiny_files, training, unique, upload, wait_until


def pytest_configure(config):
    config.addinivalue_line("markers", "by_hand: needs a server that was started with --controllers off")
    config.addinivalue_line("markers", "refused_by_design: the reference does it, Luthier refuses it; the refusal is what is tested")


@pytest.fixture(scope="session")
def base_url():
    url = os.environ.get("NMP_BASE_URL", "").rstrip("/")
    if not url:
        pytest.fail("NMP_BASE_URL names no server; tests/clients/run starts one", pytrace=False)
    return url


@pytest.fixture(scope="session")
def api(base_url):
    return Api(base_url)


@pytest.fixture(scope="session")
def client(base_url):
    """NVIDIA's client as the tutorials make it."""
    return NeMoPlatform(base_url=base_url, workspace="default")


@pytest.fixture
def ws(api):
    """The paths of a workspace of the test's own."""
    paths = Paths(unique("ws"))
    api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    yield paths
    api.delete(f"/apis/entities/v2/workspaces/{paths.workspace}", (200, 404))


@pytest.fixture
def ws_client(base_url, ws):
    return NeMoPlatform(base_url=base_url, workspace=ws.workspace)


@pytest.fixture(scope="session")
def default():
    return Paths("default")


@pytest.fixture(scope="session")
def base_model(api, default):
    """A model of two layers in workspace default, analysed."""
    return analysed(api, default, unique("tiny"), tiny_files())


@pytest.fixture(scope="session")
def dataset(api, default):
    name = unique("rows")
    upload(api, default, name, {"training.jsonl": rows_as_text(), "validation.jsonl": rows_as_text(ROWS[:2])})
    return name


@pytest.fixture(scope="session")
def trained(client, api, default, base_model, dataset):
    """A LoRA job that has ended well, its adapter, and the deployment that it has asked for, ready."""
    name = unique("job")
    job = client.customization.jobs.create(
        workspace="default",
        name=name,
        spec={
            "model": f"default/{base_model}",
            "dataset": f"fileset://default/{dataset}",
            "training": training(),
            "deployment_config": {"lora_enabled": True, "gpu": 1},
        },
    )
    status = ended(api, default, name)
    deployment = f"sft-deploy-{base_model}"
    wait_until(
        lambda: api.get(f"{default.deployments}/{deployment}", (200, 404)).json().get("status") == "READY",
        120,
        0.5,
        f"READY of {deployment}",
    )
    wait_until(
        lambda: api.get(f"{default.gateway}/provider/{deployment}/ready", (200, 404)).status_code == 200,
        60,
        what=f"the route of {deployment}",
    )
    served = f"default--{job.spec.output.name}"
    wait_until(
        lambda: served in api.get(f"{default.gateway}/provider/{deployment}/-/v1/models", None).text,
        60,
        0.5,
        f"{served} among the served models",
    )
    return types.SimpleNamespace(
        model=base_model,
        dataset=dataset,
        job=name,
        created=job,
        status=status,
        adapter=job.spec.output.name,
        deployment=deployment,
        served=served,
    )


@pytest.fixture
def spec(base_model, dataset):
    """A classic spec with changes: spec(training={...}) replaces members of the training, anything else a member of the spec."""

    def made(training_members=None, **members):
        return {
            "model": f"default/{base_model}",
            "dataset": f"fileset://default/{dataset}",
            "training": training(**(training_members or {})),
        } | members

    return made


@pytest.fixture
def refused(api, default):
    """Posts a spec that must be refused with 422, and checks that no job is left of it."""

    def answer(spec, path=None, status=422):
        name = unique("no")
        got = api.post(path or default.customization, {"name": name, "spec": spec}, status)
        api.get(f"{default.jobs}/{name}", 404)
        return got

    return answer
