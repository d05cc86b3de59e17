"""The plug-in against a stub: which requests its calls make, and what it makes of the answers. No Luthier is needed."""

import asyncio
import importlib.metadata
import os
import subprocess
import sys

import pytest
from nemo_platform import AsyncNeMoPlatform, ConflictError, NeMoPlatform, NotFoundError, UnprocessableEntityError
from stub import Stub
from support import ROOT

JOBS = "/apis/customization/v2/workspaces/default/jobs"
AUTOMODEL = "/apis/customization/v2/workspaces/default/automodel/jobs"
SPEC = {"model": "default/base", "dataset": "fileset://default/rows", "training": {"type": "sft", "peft": {"type": "lora"}}}
TIMES = {"created_at": "2026-02-09T22:12:45.123456Z", "updated_at": "2026-02-09T22:12:46Z"}
JOB = {
    "id": "platform-job-1",
    "name": "first",
    "workspace": "default",
    "description": None,
    "project": None,
    "status": "created",
    "status_details": {},
    "error_details": None,
    "ownership": None,
    "custom_fields": {},
    "steps": [],
    "spec": {**SPEC, "output": {"name": "base-rows-0123456789ab", "type": "adapter", "fileset": "base-rows-0123456789ab"}},
    **TIMES,
}
TASK = {
    "id": "t",
    "name": "task-1",
    "status": "active",
    "status_details": {"step": 8, "max_steps": 94},
    "error_details": {},
    "error_stack": "",
    **TIMES,
}
STEP = {
    "id": "s",
    "name": "customization-training-job",
    "status": "active",
    "status_details": {},
    "error_details": {},
    "tasks": [TASK],
    **TIMES,
}
STATUS = {
    "id": "platform-job-1",
    "name": "first",
    "status": "active",
    "status_details": {},
    "error_details": None,
    "steps": [STEP],
    **TIMES,
}


@pytest.fixture
def stub():
    made = Stub()
    yield made
    made.close()


@pytest.fixture
def client(stub):
    return NeMoPlatform(base_url=stub.url, workspace="default", max_retries=0)


def test_create_posts_name_and_spec_and_nothing_else(stub, client):
    stub.on("POST", JOBS, 201, JOB)
    job = client.customization.jobs.create(workspace="default", name="first", spec=SPEC)
    method, path, headers, body = stub.requests[0]
    assert (method, path) == ("POST", JOBS) and body == {"name": "first", "spec": SPEC}
    assert headers["Content-Type"] == "application/json"
    assert job.spec.output.name == job.spec["output"]["name"] == "base-rows-0123456789ab" and job.spec.output.type == "adapter"
    assert job.spec.training["peft"] == {"type": "lora"} and job.created_at.year == 2026


def test_create_without_a_name_leaves_the_name_to_the_server(stub, client):
    stub.on("POST", JOBS, 201, JOB)
    client.customization.jobs.create(spec=SPEC, name=None, description="d", custom_fields={"a": 1})
    assert stub.requests[0][3] == {"spec": SPEC, "description": "d", "custom_fields": {"a": 1}}


def test_an_argument_that_no_call_has_is_an_error_and_nothing_is_sent(stub, client):
    with pytest.raises(TypeError, match="workspce"):
        client.customization.jobs.retrieve("first", workspce="other")
    for unknown in ("query", "accept"):
        with pytest.raises(TypeError, match=unknown):
            client.customization.jobs.retrieve("first", **{unknown: {}})
    for jobs in (client.customization.jobs, client.customization.automodel.jobs):
        with pytest.raises(TypeError, match="training"):
            jobs.create(spec=SPEC, training={})
    assert stub.requests == []


def test_what_a_request_is_to_have_beside_is_sent(stub, client):
    stub.on("POST", JOBS + "?a=1", 201, JOB)
    client.customization.jobs.create(
        spec=SPEC, project="p", extra_headers={"X-One": "1"}, extra_query={"a": 1}, extra_body={"more": 2}, timeout=9
    )
    _, path, headers, body = stub.requests[0]
    assert path == JOBS + "?a=1" and headers["X-One"] == "1" and body == {"spec": SPEC, "project": "p", "more": 2}


def test_the_workspace_of_the_call_wins_over_the_clients(stub, client):
    stub.on("GET", "/apis/customization/v2/workspaces/other/jobs/first", 200, JOB)
    assert client.customization.jobs.retrieve("first", workspace="other").name == "first"
    with pytest.raises(ValueError, match="workspace"):
        NeMoPlatform(base_url=stub.url).customization.jobs.retrieve("first")


def test_a_name_stays_in_its_place_in_the_path(stub, client):
    stub.on("GET", JOBS + "/a%2Fb%20c", 200, JOB)
    client.customization.jobs.retrieve("a/b c")
    for bad in ("", ".", ".."):
        with pytest.raises(ValueError):
            client.customization.jobs.retrieve(bad)
    assert len(stub.requests) == 1


def test_list_walks_all_pages_and_sends_filters_in_brackets(stub, client):
    def page(number):
        return {
            "data": [{**JOB, "name": f"job-{number}"}],
            "pagination": {"page": number, "page_size": 1, "current_page_size": 1, "total_pages": 2, "total_results": 2},
        }

    stub.on("GET", JOBS + "?page_size=1&sort=-created_at&filter%5Bname%5D%5B%24like%5D=job", 200, page(1))
    stub.on("GET", JOBS + "?page_size=1&sort=-created_at&filter%5Bname%5D%5B%24like%5D=job&page=2", 200, page(2))
    jobs = client.customization.jobs.list(page_size=1, sort="-created_at", filter={"name": {"$like": "job"}})
    assert [job.name for job in jobs] == ["job-1", "job-2"]


def test_status_has_steps_and_tasks_as_objects(stub, client):
    stub.on("GET", JOBS + "/first/status", 200, STATUS)
    status = client.customization.jobs.get_status(name="first", workspace="default")
    assert status.status == "active" and status.steps[0].tasks[0].status_details["step"] == 8


def test_logs_follow_their_cursor(stub, client):
    line = {"timestamp": TIMES["created_at"], "job": "first", "job_step": "s", "job_task": "t"}
    stub.on(
        "GET",
        JOBS + "/first/logs?limit=1",
        200,
        {"data": [{**line, "message": "a"}], "total": 2, "next_page": "nQx83Xfi", "prev_page": None},
    )
    stub.on(
        "GET",
        JOBS + "/first/logs?limit=1&page_cursor=nQx83Xfi",
        200,
        {"data": [{**line, "message": "b"}], "total": 2, "next_page": None, "prev_page": "x"},
    )
    assert [entry.message for entry in client.customization.jobs.get_logs("first", limit=1)] == ["a", "b"]


def test_cancel_posts_without_a_body_and_delete_answers_nothing(stub, client):
    stub.on("POST", JOBS + "/first/cancel", 200, {**JOB, "status": "cancelling"})
    stub.on("DELETE", JOBS + "/first", 204)
    assert client.customization.jobs.cancel("first").status == "cancelling" and stub.requests[0][3] is None
    assert client.customization.jobs.delete("first") is None and stub.requests[1][2]["Accept"] == "*/*"


def test_errors_are_the_clients_own(stub, client):
    stub.on("POST", JOBS, 409, {"detail": "job first already exists in workspace default"})
    with pytest.raises(ConflictError, match="already exists"):
        client.customization.jobs.create(name="first", spec=SPEC)
    stub.on("POST", JOBS, 422, {"detail": "model default/base not found"})
    with pytest.raises(UnprocessableEntityError, match="not found"):
        client.customization.jobs.create(name="first", spec=SPEC)
    with pytest.raises(NotFoundError):
        client.customization.jobs.get_status("nobody")


def test_a_back_ends_creation_answers_a_handle(stub, client):
    stub.on("POST", AUTOMODEL, 201, JOB)
    stub.on("GET", AUTOMODEL + "/first", 200, {**JOB, **STATUS})
    handle = client.customization.automodel.jobs.create(spec={"model": "m"}, workspace="default", name="first")
    assert stub.requests[0][3] == {"name": "first", "spec": {"model": "m"}}
    assert handle.name == handle.job.name == "first" and handle.spec.output.name == handle.job.spec["output"]["name"]
    assert handle.get_status().steps[0].tasks[0].status == "active"
    assert stub.requests[1][:2] == ("GET", AUTOMODEL + "/first")
    assert client.customization.automodel.jobs.get_job_resource("first").job.workspace == "default"


def test_a_back_ends_status_is_checked_strictly(stub, client):
    stub.on("GET", AUTOMODEL + "/first", 200, {key: value for key, value in {**JOB, **STATUS}.items() if key != "steps"})
    with pytest.raises(ValueError, match="steps"):
        client.customization.automodel.jobs.get_status("first")


def test_a_pydantic_spec_is_sent_with_its_nulls_and_defaults(stub, client):
    from pydantic import BaseModel

    class Spec(BaseModel):
        model: str
        name: str | None = None
        epochs: int = 1

    stub.on("POST", AUTOMODEL, 201, JOB)
    client.customization.automodel.jobs.create(Spec(model="m"))
    assert stub.requests[0][3] == {"spec": {"model": "m", "name": None, "epochs": 1}}


def test_a_back_end_has_the_other_methods_on_its_own_routes(stub, client):
    unsloth = "/apis/customization/v2/workspaces/default/unsloth"
    stub.on("GET", unsloth + "/healthz", 200, {"backend": "unsloth", "status": "ok"})
    stub.on("POST", unsloth + "/jobs/first/cancel", 200, JOB)
    stub.on("GET", unsloth + "/jobs/first", 200, JOB)
    assert client.customization.unsloth.jobs.plugin_status() == {"backend": "unsloth", "status": "ok"}
    assert client.customization.unsloth.jobs.cancel("first").name == client.customization.unsloth.jobs.retrieve("first").name == "first"


def test_adapters_by_the_tutorials_names_make_the_tutorials_requests(stub, client):
    adapter = {
        "name": "a",
        "workspace": "default",
        "fileset": "default/w",
        "finetuning_type": "lora",
        "enabled": False,
        "model": "default/base",
    }
    stub.on("PATCH", "/apis/models/v2/workspaces/default/models/base/adapters/a", 200, adapter)
    stub.on("POST", "/apis/models/v2/workspaces/default/models/base/adapters", 201, adapter)
    changed = client.models.update_adapter(model_name="base", workspace="default", adapter_name="a", enabled=False)
    made = client.models.create_adapter(model_name="base", workspace="default", name="a", fileset="default/w", finetuning_type="lora")
    assert changed.enabled is False and made.name == "a"
    assert [request[3] for request in stub.requests] == [
        {"enabled": False},
        {"fileset": "default/w", "finetuning_type": "lora", "name": "a"},
    ]


def test_everything_is_there_for_the_asynchronous_client_too(stub):
    stub.on("POST", JOBS, 201, JOB)
    stub.on("GET", JOBS + "/first/status", 200, STATUS)
    stub.on(
        "GET",
        JOBS,
        200,
        {"data": [JOB], "pagination": {"page": 1, "page_size": 10, "current_page_size": 1, "total_pages": 1, "total_results": 1}},
    )
    stub.on("POST", AUTOMODEL, 201, JOB)
    stub.on("GET", AUTOMODEL + "/first", 200, {**JOB, **STATUS, "status": "completed"})
    stub.on("DELETE", JOBS + "/first", 204)
    stub.on(
        "PATCH",
        "/apis/models/v2/workspaces/default/models/base/adapters/a",
        200,
        {"name": "a", "workspace": "default", "fileset": "f", "finetuning_type": "lora"},
    )

    async def story():
        async with AsyncNeMoPlatform(base_url=stub.url, workspace="default", max_retries=0) as client:
            assert (await client.customization.jobs.create(name="first", spec=SPEC)).spec.output.type == "adapter"
            assert (await client.customization.jobs.get_status("first")).steps[0].name == "customization-training-job"
            assert [job.name async for job in client.customization.jobs.list()] == ["first"]
            handle = await client.customization.automodel.jobs.create(SPEC, name="first")
            assert (await handle.wait(poll_interval=0)).status == "completed"
            assert await client.customization.jobs.delete("first") is None
            assert (await client.models.update_adapter(model_name="base", adapter_name="a", enabled=True)).name == "a"

    asyncio.run(story())


def run(code, **environment):
    """What a fresh Python prints. Its last line, as the client's own plug-ins may complain before."""
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True)
    return (done.stdout.strip().splitlines() or [done.stderr.strip().splitlines()[-1]])[-1]


def test_the_types_are_importable_where_the_tutorial_looks_for_them():
    names = "CustomizationJobInputParam, ParallelismParamsParam, SftTrainingParam, LoRaParamsParam as L"
    code = f"from nemo_platform.types.customization import {names}; print(SftTrainingParam(type='sft', peft=L(rank=8)))"
    assert run(code) == "{'type': 'sft', 'peft': {'rank': 8}}"
    assert "ImportError" in run("from nemo_platform.types.customization import NoSuchParam")


def test_without_the_hook_only_the_hooks_part_is_missing():
    code = (
        "from nemo_platform import NeMoPlatform as N; c = N(base_url='http://127.0.0.1:9', workspace='w'); "
        "print(hasattr(c.models, 'update_adapter'), hasattr(c, 'customization'))"
    )
    assert run(code) == "True True"
    assert run(code, LUTHIER_NEMO_NO_HOOK="1") == "False True"
    assert run(code, NEMO_PLUGIN_SDK_ALLOWLIST="other") == "True False"
    assert "No module named" in run("import nemo_platform.types.customization", LUTHIER_NEMO_NO_HOOK="1")
    assert (
        run(
            "from luthier_nemo import hook; hook.install(); import nemo_platform.types.customization as c; print(c.OutputParam(name='x'))",
            LUTHIER_NEMO_NO_HOOK="1",
        )
        == "{'name': 'x'}"
    )


def test_the_hook_also_reaches_a_client_that_is_loaded_already():
    code = (
        "from nemo_platform.models import ModelsResource as M; from luthier_nemo import hook; before = hasattr(M, 'create_adapter'); "
        "hook.install(); print(before, hasattr(M, 'create_adapter'))"
    )
    assert run(code, LUTHIER_NEMO_NO_HOOK="1") == "False True"


def test_methods_and_types_of_the_clients_own_win(tmp_path):
    package = tmp_path / "nemo_platform" / "types" / "customization"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("WHOSE = 'the client'")
    code = (
        f"import nemo_platform.types; nemo_platform.types.__path__.append({str(package.parent)!r}); "
        "import nemo_platform.types.customization as c; print(c.WHOSE)"
    )
    assert run(code) == "the client"
    own = (
        "import types; m = types.SimpleNamespace(ModelsResource=type('M', (), {'update_adapter': 1})); "
        "from luthier_nemo.adapters import add_methods; add_methods(m); M = m.ModelsResource; print(M.update_adapter, callable(M.create_adapter))"
    )
    assert run(own) == "1 True"


def test_the_hook_can_be_removed_and_put_back(tmp_path):
    import luthier_nemo

    root = os.path.dirname(os.path.dirname(luthier_nemo.__file__))
    subprocess.run(["cp", "-r", os.path.join(root, "luthier_nemo"), os.path.join(root, "luthier_nemo.pth"), str(tmp_path)], check=True)
    command = [sys.executable, "-m", "luthier_nemo"]
    before = (tmp_path / "luthier_nemo.pth").read_text()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([*command, "remove-hook"], env=environment, check=True, capture_output=True)
    assert not (tmp_path / "luthier_nemo.pth").exists()
    subprocess.run([*command, "remove-hook"], env=environment, check=True, capture_output=True)
    subprocess.run([*command, "install-hook"], env=environment, check=True, capture_output=True)
    assert (tmp_path / "luthier_nemo.pth").read_text() == before
    said = subprocess.run([*command, "status"], env=environment, capture_output=True, text=True).stdout
    assert "luthier_nemo.plugin:resources" in said
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 2


def test_the_start_of_python_imports_nothing_of_the_client():
    assert run("import sys; print([m for m in sys.modules if m.startswith(('nemo', 'pydantic', 'httpx'))])") == "[]"


def test_the_wheel_needs_nothing_but_the_client_and_carries_its_types():
    wheel = importlib.metadata.distribution("luthier-nemo")
    assert [requirement.replace(" ", "") for requirement in wheel.requires] in (["nemo-platform>=0.1.2"], ["nemo-platform(>=0.1.2)"])
    assert {"luthier_nemo/py.typed", "luthier_nemo.pth"} <= {str(file) for file in wheel.files}
    assert [(entry.group, entry.name) for entry in wheel.entry_points] == [("nemo.sdk", "customization")]
    assert "Root-Is-Purelib: true" in wheel.read_text("WHEEL")


# An unused "type: ignore" is itself an error, so that the last lines prove that wrong specs and arguments are found.
TYPED_USE = """
from luthier_nemo.jobs import Jobs
from luthier_nemo.types import CustomizationJobInputParam, SftTrainingParam


def use(jobs: Jobs) -> str:
    training: SftTrainingParam = {"type": "sft", "peft": {"type": "lora", "rank": 8}}
    spec: CustomizationJobInputParam = {"model": "w/m", "dataset": "fileset://w/d", "training": training}
    return jobs.create(spec=spec).spec.output.name


wrong: SftTrainingParam = {"type": "dpo"}  # type: ignore[typeddict-item]


def wrongly(jobs: Jobs) -> None:
    jobs.retrieve("a", timeout="soon")  # type: ignore[arg-type]
    jobs.create(spec={}, projekt="p")  # type: ignore[call-arg]
"""


def test_the_package_and_a_program_that_uses_it_pass_the_type_checker(tmp_path):
    pytest.importorskip("mypy", reason="the checker is in the environment of the newest client alone")
    program = tmp_path / "program.py"
    program.write_text(TYPED_USE)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", ROOT / "build/clients/mypy", "luthier_nemo", program],
        cwd=ROOT / "python",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
