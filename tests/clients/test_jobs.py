"""Section 7 and D.8: platform jobs: what every caller sees, what is refused by design, and what a runner of one's own drives by hand."""

import io
import tarfile

import pytest
from nemo_platform import ConflictError, NotFoundError
from support import ended, envelope, page_is_whole, problems, record, says, unique, upload, wait_until

NOW = 1_760_000_000_000_000_000  # of log lines, in ns

JOB_MEMBERS = {
    "id",
    "attempt_id",
    "name",
    "workspace",
    "project",
    "description",
    "source",
    "spec",
    "platform_spec",
    "fileset",
    "status",
    "status_details",
    "error_details",
    "created_at",
    "updated_at",
    "ownership",
    "custom_fields",
}


def step(name, script="true", **more):
    """A step that runs a shell script on the host."""
    return {"name": name, "executor": {"provider": "subprocess", "command": ["/bin/sh", "-c", script]}, **more}


def body(*steps, **more):
    return {"source": "test", "spec": {"any": "thing"}, "platform_spec": {"steps": list(steps)}, **more}


def logs_of(api, ws, name, **query):
    return [row["message"] for row in api.get(f"{ws.jobs}/{name}/logs", params=query).json()["data"]]


# ------------------------------------------------------------------------------------------------ creation


def test_a_created_job_has_all_its_members_and_the_resolved_spec(api, ws):
    made = api.post(ws.jobs, body(step("s1", "sleep 30"), name="j1")).json()
    assert (
        JOB_MEMBERS <= set(made) and made["status"] == "created" and made["status_details"] == {} and made["id"].startswith("platform-job-")
    )
    assert made["fileset"] == "job-fileset-j1" and made["spec"] == {"any": "thing"} and made["source"] == "test"
    resolved = made["platform_spec"]["steps"][0]
    assert resolved["executor"] == {"provider": "subprocess", "profile": "default", "command": ["/bin/sh", "-c", "sleep 30"]}
    assert resolved["environment"] is None and resolved["config"] == {} and resolved["lifecycle"]["staleness_timeout_seconds"] == 0
    assert api.get(f"{ws.jobs}/j1/steps/s1").json()["name"] == "s1"
    api.post(f"{ws.jobs}/j1/cancel", None, 200)


def test_a_container_step_is_resolved_to_a_command(api, ws):
    container = {"name": "s1", "executor": {"provider": "cpu", "container": {"entrypoint": ["/bin/sh", "-c"], "command": ["true"]}}}
    executor = api.post(ws.jobs, body(container, name="j1")).json()["platform_spec"]["steps"][0]["executor"]
    assert executor == {"provider": "subprocess", "profile": "default", "command": ["/bin/sh", "-c", "true"]}


def test_a_job_without_a_name_gets_one_from_its_source(api, ws):
    name = api.post(ws.jobs, body(step("s1"), source="a-source-that-is-longer-than-twenty")).json()["name"]
    assert name.startswith("a-source-that-is-lon-") and len(name) == len("a-source-that-is-lon") + 1 + 8


@pytest.mark.parametrize("steps, texts", [
    ([], []),
    ([step("Bad Name")], ["Bad Name"]),
    ([{"name": "s1", "executor": {"provider": "subprocess", "profile": "nowhere", "command": ["true"]}}], ["nowhere", "s1"]),
    ([{"name": "s1", "executor": {"provider": "abacus", "command": ["true"]}}], []),
    ([step("s1"), step("s1")], ["s1"]),
    ([step("s1", environment=[{"name": "A", "value": "1", "from_secret": {"name": "s1"}}])], []),
])  # fmt: skip
def test_a_spec_that_breaks_a_rule_is_422(api, ws, steps, texts):
    says(api.post(ws.jobs, body(*steps, name="j1"), 422), *texts)
    api.get(f"{ws.jobs}/j1", 404)


def test_projects_of_jobs_must_be_well_formed_and_exist(api, ws):
    api.post(ws.jobs, body(step("s1"), project="what a name!"), 422)
    says(api.post(ws.jobs, body(step("s1"), project="nobody"), 422), "does not exist")


def test_a_secret_that_is_missing_is_409(api, ws):
    says(api.post(ws.jobs, body(step("s1", environment=[{"name": "A", "from_secret": {"name": "nobody"}}])), 409), "not found")


def test_a_taken_name_is_409_and_free_again_after_delete(ws_client, api, ws):
    api.post(ws.jobs, body(step("s1"), name="j1"))
    says(api.post(ws.jobs, body(step("s1"), name="j1"), 409), "already exists")
    ended(api, ws, "j1", 60, "error")
    assert ws_client.jobs.delete("j1") is None
    for path in ("", "/status", "/logs"):
        api.get(f"{ws.jobs}/j1{path}", 404)
    api.post(ws.jobs, body(step("s1"), name="j1"))


def test_missing_jobs_are_exactly_not_found(api, ws):
    answers = [api.get(f"{ws.jobs}/nobody", 404)] + [
        api.post(f"{ws.jobs}/nobody/{verb}", None, 404) for verb in ("cancel", "pause", "resume")
    ]
    assert {answer.json()["detail"] for answer in answers} == {"Job not found"}
    for path in ("status", "logs", "steps/s1", "steps/s1/tasks", "results", "results/r1", "results/r1/download"):
        says(api.get(f"{ws.jobs}/nobody/{path}", 404), "not found")


def test_execution_profiles_are_a_bare_array(client):
    profiles = client.jobs.list_execution_profiles()
    assert any(profile.provider == "subprocess" and profile.profile == "default" for profile in profiles)


def test_jobs_are_listed_newest_first_and_filtered(api, ws):
    for name in ("j1", "j2", "j3"):
        api.post(ws.jobs, body(step("s1"), name=name, source="other" if name == "j3" else "test"))
    page_is_whole(api.get(ws.jobs).json())
    assert api.names(ws.jobs) == ["j3", "j2", "j1"] and api.names(ws.jobs, sort="created_at") == ["j1", "j2", "j3"]
    assert api.names(ws.jobs, **{"filter[source]": "other"}) == ["j3"]
    created = api.get(f"{ws.jobs}/j2").json()["created_at"]
    assert api.names(ws.jobs, **{"filter[created_at][gte]": created, "filter[created_at][lte]": created}) == ["j2"]
    assert api.get(ws.jobs, params={"filter[name]": "j1"}).json()["filter"] == {"name": {"$eq": "j1"}}
    api.get(ws.jobs, 400, params={"filter[colour]": "red"})


# ------------------------------------------------------------------------------------------------ refused by design
#
# Luthier trains by itself and runs no commands that a caller sends: whoever may create a job would else have a shell on the server.
# Such a job is taken, so that clients can create it, and then ends as an error that says so. What a runner of one's own does instead
# is in TestByHand; it has the server's routes for steps, tasks, logs and results to itself.


def refused(api, ws, name="j1"):
    """Waits until the job has been refused, and checks that a reader of the answer knows what, why, and what else to do."""
    status = ended(api, ws, name, 60, "error")
    first = api.get(f"{ws.jobs}/{name}").json()["platform_spec"]["steps"][0]["name"]
    for error in (status["error_details"], status["steps"][0]["error_details"], api.get(f"{ws.jobs}/{name}").json()["error_details"]):
        for text in ("runs no commands of clients", f"step {first}", "--controllers off", "/apis/customization"):
            assert text in error["message"], error
    assert [(each["name"], each["status"], each["tasks"]) for each in status["steps"]] == [(first, "error", [])]
    return status


@pytest.mark.refused_by_design
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([step("s1", "sleep 1"), step("s2")], id="two steps"),
        pytest.param([step("fails", "echo broken; exit 3")], id="one that would fail"),
        pytest.param([step("s1", "cat $NEMO_JOB_STEP_CONFIG_FILE_PATH", config={"a": [1, 2]})], id="with a config"),
        pytest.param([step("s1", environment=[{"name": "SECRET", "from_secret": {"name": "s1"}}])], id="with a secret"),
        pytest.param([step("s1", "sleep 60")], id="one that would take long"),
        pytest.param([{"name": "s1", "executor": {"provider": "cpu", "container": {"image": "a/b", "command": ["true"]}}}], id="a container"),
    ],
)
def test_a_job_of_commands_is_taken_and_then_refused_with_its_reason(api, ws, steps):
    api.post(ws.secrets, {"name": "s1", "value": "the-secret"})
    made = api.post(ws.jobs, body(*steps, name="j1"))
    refused(api, ws)
    answers = [made, *(api.get(f"{ws.jobs}/j1{path}") for path in ("", "/status", "/logs"))]
    assert not any("the-secret" in answer.text for answer in answers)
    api.get(f"{ws.jobs}/j1/steps/s2", 404)


@pytest.mark.refused_by_design
def test_no_command_of_a_refused_job_has_run(api, ws, tmp_path):
    api.post(ws.jobs, body(step("s1", f"touch {tmp_path}/ran"), name="j1"))
    refused(api, ws)
    assert list(tmp_path.iterdir()) == []
    assert api.get(f"{ws.jobs}/j1/logs").json() == {"data": [], "total": 0, "next_page": None, "prev_page": None}


@pytest.mark.refused_by_design
def test_a_refused_job_is_answered_unchanged_by_cancel_pause_and_resume(api, ws):
    api.post(ws.jobs, body(step("s1"), name="j1"))
    refused(api, ws)
    for verb in ("cancel", "pause", "resume"):
        assert api.post(f"{ws.jobs}/j1/{verb}", None, 200).json()["status"] == "error"


@pytest.mark.refused_by_design
def test_the_client_reads_the_refusal(ws_client, api, ws):
    made = ws_client.jobs.create(name="j1", source="test", spec={}, platform_spec={"steps": [step("s1", "echo hello")]})
    assert made.status == "created" and made.platform_spec.steps[0].name == "s1"
    refused(api, ws)
    status = ws_client.jobs.get_status("j1")
    assert status.status == "error" and "runs no commands of clients" in status.error_details["message"]
    assert ws_client.jobs.steps.retrieve("s1", job="j1").status == "error" and list(ws_client.jobs.get_logs("j1")) == []
    with pytest.raises(ConflictError):
        ws_client.jobs.create(name="j1", source="test", spec={}, platform_spec={"steps": [step("s1")]})
    with pytest.raises(NotFoundError, match="Job not found"):
        ws_client.jobs.retrieve(unique("nobody"))


def test_a_job_can_be_cancelled_right_after_its_creation(ws_client, api, ws):
    """Whichever comes first, its refusal or its cancellation, it has then ended."""
    made = api.post(ws.jobs, body(step("s1", "sleep 60"), name="j1")).json()
    cancelled = ws_client.jobs.cancel("j1")
    assert cancelled.status in ("cancelling", "cancelled", "error") and cancelled.attempt_id == made["attempt_id"]
    wait_until(lambda: api.get(f"{ws.jobs}/j1").json()["status"] in ("cancelled", "error"), 60, what="the end")


# ------------------------------------------------------------------------------------------------ driven by hand


def move(api, ws, step_name, status, expected=200, job="j1", **more):
    return api.patch(f"{ws.jobs}/{job}/steps/{step_name}/status", {"status": status, **more}, expected)


def job_status(api, ws, job="j1"):
    return api.get(f"{ws.jobs}/{job}").json()["status"]


@pytest.mark.by_hand
class TestByHand:
    def test_only_the_first_step_exists_at_first(self, api, ws):
        api.post(ws.jobs, body(step("s1"), step("s2"), name="j1"))
        assert api.get(f"{ws.jobs}/j1/steps/s1").json()["status"] == "created" and job_status(api, ws) == "created"
        api.get(f"{ws.jobs}/j1/steps/s2", 404)

    def test_a_steps_status_drives_the_job(self, api, ws):
        api.post(ws.jobs, body(step("s1"), step("s2"), name="j1"))
        for status in ("pending", "active"):
            move(api, ws, "s1", status)
            assert job_status(api, ws) == status
        move(api, ws, "s1", "completed")
        assert job_status(api, ws) == "active" and api.get(f"{ws.jobs}/j1/steps/s2").json()["status"] == "created"
        move(api, ws, "s2", "active")
        move(api, ws, "s2", "completed")
        assert job_status(api, ws) == "completed"

    def test_an_error_of_a_step_is_an_error_of_the_job(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        move(api, ws, "s1", "active")
        move(api, ws, "s1", "error", error_details={"message": "out of luck"})
        job = api.get(f"{ws.jobs}/j1").json()
        assert job["status"] == "error" and job["error_details"]["message"] == "out of luck"

    @pytest.mark.parametrize(
        "way, refused",
        [
            ([], "completed"),
            (["active", "completed"], "active"),
            (["active", "error"], "completed"),
            (["pending"], "resuming"),
            (["active", "pausing", "paused"], "completed"),
        ],
    )
    def test_a_transition_that_is_not_allowed_is_409_and_names_both_states(self, api, ws, way, refused):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        for status in way:
            move(api, ws, "s1", status)
        present = (["created"] + way)[-1]
        says(move(api, ws, "s1", refused, 409), present, refused)
        move(api, ws, "s1", present)

    def test_pause_is_pausing_at_once_and_resume_resuming(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        move(api, ws, "s1", "pending")
        assert api.post(f"{ws.jobs}/j1/pause", None, 200).json()["status"] == "pausing"
        assert api.get(f"{ws.jobs}/j1/steps/s1").json()["status"] == "pausing"
        move(api, ws, "s1", "paused")
        assert job_status(api, ws) == "paused"
        assert api.post(f"{ws.jobs}/j1/resume", None, 200).json()["status"] == "resuming"
        assert api.get(f"{ws.jobs}/j1/steps/s1").json()["status"] == "resuming"
        move(api, ws, "s1", "active")
        assert job_status(api, ws) == "active"

    def test_resume_of_what_is_not_paused_changes_nothing(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        move(api, ws, "s1", "active")
        assert api.post(f"{ws.jobs}/j1/resume", None, 200).json()["status"] == "active"

    def test_cancel_of_an_active_job_is_cancelling_and_of_a_created_one_cancelled(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        move(api, ws, "s1", "active")
        assert api.post(f"{ws.jobs}/j1/cancel", None, 200).json()["status"] == "cancelling"
        move(api, ws, "s1", "cancelled")
        assert job_status(api, ws) == "cancelled"
        api.post(ws.jobs, body(step("s1"), name="j2"))
        assert api.post(f"{ws.jobs}/j2/cancel", None, 200).json()["status"] == "cancelled"

    def test_cancel_while_resuming_is_no_error_of_the_server(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        for status in ("active", "pausing", "paused"):
            move(api, ws, "s1", status)
        api.post(f"{ws.jobs}/j1/resume", None, 200)
        api.post(f"{ws.jobs}/j1/cancel", None, (200, 409))

    def test_a_tasks_details_are_merged_into_the_jobs_and_a_steps_stay_its_own(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        move(api, ws, "s1", "active", status_details={"of": "step"})
        task = f"{ws.jobs}/j1/steps/s1/tasks/task-1"
        made = api.put(task, {"status_details": {"step": 1, "phase": "training"}}).json()
        assert made["status"] == "pending" and made["error_details"] == {} and made["error_stack"] is None
        api.put(task, {"status": "active", "status_details": {"step": 2}})
        assert api.get(task).json()["status_details"] == {"step": 2, "phase": "training"}
        api.patch(f"{ws.jobs}/j1/status-details", {"note": "mine"})
        details = api.get(f"{ws.jobs}/j1").json()["status_details"]
        assert details["step"] == 2 and details["phase"] == "training" and details["note"] == "mine" and "of" not in details
        assert api.get(f"{ws.jobs}/j1/steps/s1").json()["status_details"] == {"of": "step"}
        assert [row["name"] for row in api.get(f"{ws.jobs}/j1/steps/s1/tasks").json()["data"]] == ["task-1"]
        api.get(f"{ws.jobs}/j1/steps/s1/tasks/nothing", 404)

    def test_the_steps_of_all_jobs_are_one_list(self, api, ws):
        for name in ("j1", "j2"):
            api.post(ws.jobs, body(step("s1"), name=name))
        assert sorted(row["job"] for row in api.rows(f"{ws.jobs}/-/steps")) == ["j1", "j2"]
        own = api.get(f"{ws.jobs}/j1/steps").json()
        assert own["filter"] == {"job": "j1"} and [row["name"] for row in own["data"]] == ["s1"]
        assert {"job", "fileset", "step_spec"} <= set(own["data"][0])

    def test_a_missing_step_is_404(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        says(api.get(f"{ws.jobs}/j1/steps/nothing", 404), "not found")
        move(api, ws, "nothing", "active", 404)

    def test_an_unknown_status_is_422(self, api, ws):
        api.post(ws.jobs, body(step("s1"), name="j1"))
        assert problems(move(api, ws, "s1", "failed", 422))[0][0] == "enum"

    def test_jobs_are_filtered_by_status(self, api, ws):
        for name in ("j1", "j2", "j3"):
            api.post(ws.jobs, body(step("s1"), name=name))
        move(api, ws, "s1", "active", job="j1")
        move(api, ws, "s1", "pending", job="j2")
        assert api.names(ws.jobs, **{"filter[status]": "active"}) == ["j1"]
        assert sorted(api.names(ws.jobs, **{"filter[status]": "active,pending"})) == ["j1", "j2"]

    def test_a_runners_log_lines_come_in_order_in_pages_and_by_step(self, ws_client, api, ws):
        made = api.post(ws.jobs, body(step("s1"), step("s2"), name="j1")).json()
        lines = [record("j1", f"line {n}", time=NOW + n) for n in range(25)] + [record("j1", "second", step="s2", time=NOW + 99)]
        api.post(f"{ws.filesets}/{made['fileset']}/otlp/v1/logs", envelope(*lines), 200)
        assert [line.message for line in ws_client.jobs.get_logs("j1", limit=10)] == [*(f"line {n}" for n in range(25)), "second"]
        assert logs_of(api, ws, "j1", step_id="s2") == ["second"]
        first = api.get(f"{ws.jobs}/j1/logs", params={"limit": 10, "step_id": "s1"}).json()
        assert first["total"] == 25 and len(first["data"]) == 10 and first["prev_page"] is None and first["next_page"]
        line = first["data"][0]
        assert (line["job"], line["job_step"], line["job_task"], line["message"]) == ("j1", "s1", "t1", "line 0") and line["timestamp"]
        assert isinstance(api.get(f"{ws.jobs}/j1/logs", 422, params={"page_cursor": "!!"}).json()["detail"], str)

    def test_a_runners_results_can_be_downloaded_as_a_file_and_as_a_directory(self, ws_client, api, ws):
        job = api.post(ws.jobs, body(step("s1"), name="j1")).json()
        move(api, ws, "s1", "active")
        move(api, ws, "s1", "completed")
        upload(api, ws, "artifacts", {"one.txt": b"one", "many/a.txt": b"a", "many/b/c.txt": b"c"})
        for name, path in (("one", "one.txt"), ("many", "many")):
            artifact = {"artifact_url": f"fileset://{ws.workspace}/artifacts#{path}", "artifact_storage_type": "fileset"}
            made = api.post(f"{ws.jobs}/j1/results/{name}", artifact).json()
            assert made["job"] == job["id"] and made["download_url"] is None and made["artifact_storage_type"] == "fileset"
            assert api.get(f"{ws.jobs}/j1/results/{name}").json() == made
        assert sorted(result.name for result in ws_client.jobs.results.list("j1").data) == ["many", "one"]
        assert api.get(f"{ws.jobs}/j1/results/one/download").content == b"one"
        answer = api.get(f"{ws.jobs}/j1/results/many/download")
        assert answer.headers["content-disposition"] == 'attachment; filename="many.tar.gz"'
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            assert sorted(member.name.split("many/")[-1].lstrip("./") for member in archive if member.isfile()) == ["a.txt", "b/c.txt"]
        says(api.get(f"{ws.jobs}/j1/results/nothing", 404), "not found")

    def test_the_client_reads_what_a_runner_wrote(self, ws_client, api, ws):
        made = ws_client.jobs.create(name="j1", source="test", spec={}, platform_spec={"steps": [step("s1")]})
        move(api, ws, "s1", "active")
        task = {"status": "active", "status_details": {"step": 1}}
        api.put(f"{ws.jobs}/j1/steps/s1/tasks/task-1", task)
        status = ws_client.jobs.get_status("j1")
        assert status.status == "active" and status.steps[0].tasks[0].status_details == {"step": 1}
        assert ws_client.jobs.cancel("j1").status == "cancelling"
        move(api, ws, "s1", "cancelled")
        after = ws_client.jobs.cancel("j1")
        assert after.status == "cancelled" and after.attempt_id == made.attempt_id
        for each in (status, status.steps[0], status.steps[0].tasks[0]):
            assert each.created_at and each.updated_at
