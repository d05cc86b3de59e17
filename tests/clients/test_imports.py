"""Filesets whose files are elsewhere: a hub of our own on loopback, and a real S3 server (moto). NVIDIA's client asks for them as the
tutorials do. The module starts a server of its own, whose configuration allows these hosts; it is killed and started again on the way."""

import hashlib
import logging
import os
import pathlib
import random
import signal
import subprocess
import time
import urllib.parse

import pytest
from hub_server import Hub
from nemo_platform import APIStatusError, BadRequestError, NeMoPlatform
from nemo_platform.types.files import HuggingfaceStorageConfigParam
from support import ROOT, TINY, Api, Paths, rows_as_text, tiny_files, training, unique, wait_until

LUTHIER = pathlib.Path(os.environ.get("LUTHIER", ROOT / "build/release/luthier"))
MEBIBYTE = 1 << 20
LARGE = random.Random(1).randbytes(6 * MEBIBYTE)


class Server:
    """Our own process, with its data in a directory of the test's."""

    def __init__(self, directory, hosts):
        self.directory = directory
        self.process = None
        allowed = ", ".join(f'"{host}"' for host in hosts)
        (directory / "luthier.toml").write_text(f"[files]\nexternal_hosts = [{allowed}]\n[worker]\nenabled = false\n")

    def start(self, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy") and not name.startswith("HF_")}
        command = [LUTHIER, "up", "--data", self.directory / "data", "--listen", "127.0.0.1:0", "--config", self.directory / "luthier.toml"]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=clean | environment, text=True)
        line = self.process.stdout.readline().split()
        assert line and line[0] == "ready", (self.directory / "log").read_text()[-2000:]
        self.url = line[1]
        self.api = Api(self.url)
        self.client = NeMoPlatform(base_url=self.url, workspace="default", max_retries=0)

    def end(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)
        if self.process:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def hub():
    with Hub() as hub:
        small = {path: content for path, content in tiny_files().items() if path.endswith(".json")}
        hub.repository("tiny/model", small, large={"model.safetensors": (TINY / "model.safetensors").read_bytes()})
        hub.repository("tiny/rows", {"train.jsonl": rows_as_text().encode(), "deep/er/é #1.txt": b"odd"}, kind="dataset")
        hub.repository("tiny/private", small, readers={"hf_reader"})
        hub.repository("tiny/gated", small, accepted={"hf_accepted"})
        hub.repository("tiny/large", small, large={"weights.bin": LARGE})
        hub.repository("tiny/damaged", small, large={"weights.bin": LARGE[:MEBIBYTE]})
        hub.repository("tiny/many", {f"{number:05}": b"" for number in range(2001)})
        yield hub


@pytest.fixture(scope="module")
def s3():
    """(endpoint, boto3's client) of a store that is not ours; None where there is none."""
    try:
        import boto3
        import moto.server as moto
        from botocore.config import Config
    except ImportError:
        yield None
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    config = Config(s3={"addressing_style": "path"}, proxies={})
    yield endpoint, boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s", config=config)
    store.stop()


@pytest.fixture(scope="module")
def server(hub, s3, tmp_path_factory):
    if not LUTHIER.exists():
        pytest.skip(f"there is no {LUTHIER}")
    server = Server(tmp_path_factory.mktemp("imports"), [hub.url] + ([s3[0]] if s3 else []))
    server.start()
    yield server
    server.end()


@pytest.fixture
def place(server):
    paths = Paths(unique("far"))
    server.api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    yield paths
    server.api.delete(f"/apis/entities/v2/workspaces/{paths.workspace}", 200)


@pytest.fixture(autouse=True)
def in_a_hurry(hub):
    yield
    hub.seconds_per_piece = 0.0


def create(server, hub, place, repository, name="far", cache=True, **more):
    storage = HuggingfaceStorageConfigParam(type="huggingface", repo_id=repository, endpoint=hub.url, **more)
    return server.client.files.filesets.create(workspace=place.workspace, name=name, storage=storage, cache=cache)


def import_jobs(server, place):
    return [job for job in server.client.jobs.list(workspace=place.workspace) if job.source == "files"]


def import_job(server, place):
    return wait_until(lambda: import_jobs(server, place), 30, what="the job of the import")[0]


def status_of(server, job):
    return server.client.jobs.get_status(job.name, workspace=job.workspace)


def ends(server, job, status="completed", seconds=60):
    def ask():
        answer = status_of(server, job)
        return answer if answer.status in ("completed", "error", "cancelled") else None

    answer = wait_until(ask, seconds, 0.1, f"the end of {job.name}")
    assert answer.status == status, answer
    return answer


def cache_statuses(server, place, name="far"):
    return {row["path"]: row["cache_status"] for row in server.api.rows(f"{place.filesets}/{name}/files")}


def partial_files(server):
    return [path for path in (server.directory / "data/work/imports").rglob("*") if path.is_file()]


# ------------------------------------------------------------------------------------------------ the way of the tutorials


def test_a_model_comes_from_a_hub_as_in_the_tutorial(server, hub, place):
    made = create(server, hub, place, "tiny/model", repo_type="model")
    assert made.storage.revision == hub.repositories["tiny/model"].commit and made.storage.original_revision == "main"
    client = server.client
    client.models.create(workspace=place.workspace, name="base", fileset=f"{place.workspace}/far")  # at once, before its files have come
    job = import_job(server, place)
    assert job.name.startswith("import-far-") and job.spec["fileset"] == f"{place.workspace}/far"
    ended = ends(server, job)
    details = ended.steps[0].tasks[0].status_details
    assert details["files_done"] == details["files_total"] == 5 and details["bytes_done"] == details["bytes_total"] > 0
    assert {file.path: file.size for file in client.files.list(fileset="far", workspace=place.workspace).data} == {
        path: len(content) for path, content in tiny_files().items()
    }
    assert set(cache_statuses(server, place).values()) == {"cached"}
    for path, content in tiny_files().items():
        assert client.files.download_content(remote_path=path, fileset="far", workspace=place.workspace) == content
    spec = wait_until(lambda: client.models.retrieve("base", workspace=place.workspace).spec, 60, what="the spec of the model")
    assert spec.family == "llama"
    assert not partial_files(server)


def test_a_dataset_stays_at_its_hub_until_it_is_read(server, hub, place):
    create(server, hub, place, "tiny/rows", repo_type="dataset", cache=False)
    assert cache_statuses(server, place) == {"deep/er/é #1.txt": "not_cached", "train.jsonl": "not_cached"}
    read = server.client.files.download_content
    assert read(remote_path="train.jsonl", fileset="far", workspace=place.workspace) == rows_as_text().encode()
    # NVIDIA's client takes what follows a "#" in a path for another reference.
    assert server.api.get(f"{place.filesets}/far/-/{urllib.parse.quote('deep/er/é #1.txt')}").content == b"odd"
    assert not import_jobs(server, place) and set(cache_statuses(server, place).values()) == {"not_cached"}


def test_a_training_job_waits_until_the_rows_that_it_names_have_come(server, hub, place):
    create(server, hub, place, "tiny/model", name="base")
    server.client.models.create(workspace=place.workspace, name="base", fileset=f"{place.workspace}/base")
    create(server, hub, place, "tiny/rows", repo_type="dataset", name="rows", cache=False)
    assert len(import_jobs(server, place)) == 1  # of the model
    body = {"model": f"{place.workspace}/base", "dataset": f"fileset://{place.workspace}/rows", "training": training()}
    job = server.api.post(place.customization, {"name": "tune", "spec": body}).json()
    rows = wait_until(lambda: [one for one in import_jobs(server, place) if one.name.startswith("import-rows-")], 30)[0]
    ends(server, rows)

    def steps():
        status = server.api.get(f"{place.customization}/{job['name']}/status").json()
        assert status["status"] not in ("error", "cancelled"), status
        return {step["name"]: step["status"] for step in status["steps"]}

    wait_until(lambda: steps()["model-and-dataset-download"] == "completed", 60, what="the preparation of the job")
    server.api.post(f"{place.customization}/{job['name']}/cancel", expected=None)


def test_parts_of_a_file_that_is_elsewhere_are_read_in_place(server, hub, place):
    create(server, hub, place, "tiny/large", cache=False)
    path = f"{place.filesets}/far/-/weights.bin"
    head = server.api.head(path)
    assert head.headers["content-length"] == str(len(LARGE)) and head.headers["accept-ranges"] == "bytes"
    asked = len(hub.requests)
    part = server.api.get(path, 206, headers={"Range": "bytes=-100"})
    assert part.content == LARGE[-100:] and part.headers["content-range"] == f"bytes {len(LARGE) - 100}-{len(LARGE) - 1}/{len(LARGE)}"
    assert hub.requests[asked:][-1][1] == f"bytes={len(LARGE) - 100}-{len(LARGE) - 1}"
    assert server.api.get(path).content == LARGE
    server.api.get(path, 416, headers={"Range": f"bytes=0-{len(LARGE)}"})
    server.api.call("PUT", path, 400, content=b"x", headers={"content-type": "application/octet-stream"})
    server.api.delete(path, 400)


# ------------------------------------------------------------------------------------------------ refusals


def refused(server, hub, place, repository, status=400, **more):
    with pytest.raises(APIStatusError) as raised:
        create(server, hub, place, repository, **more)
    assert raised.value.status_code == status, raised.value
    server.api.get(f"{place.filesets}/far", 404)
    return str(raised.value)


def test_private_gated_and_missing_repositories_are_told_apart(server, hub, place):
    secrets = server.client.secrets
    for name, value in (("reader", "hf_reader"), ("accepted", "hf_accepted"), ("revoked", "hf_revoked")):
        secrets.create(workspace=place.workspace, name=name, value=value)
    assert "denied: it is private, or does not exist" in refused(server, hub, place, "tiny/private")
    assert "wrong: the hub does not know this token" in refused(server, hub, place, "tiny/private", token_secret="revoked")
    assert f"gated: accept its terms at {hub.url}/tiny/gated" in refused(server, hub, place, "tiny/gated")
    assert "with the account of this token" in refused(server, hub, place, "tiny/gated", token_secret="reader")
    assert "there is no such repository" in refused(server, hub, place, "tiny/nothing", token_secret="reader")
    assert "it has no revision" in refused(server, hub, place, "tiny/model", revision="v9")
    assert "create it first" in refused(server, hub, place, "tiny/model", token_secret="nobody")
    assert "2000 files" in refused(server, hub, place, "tiny/many")
    assert "not on the list of allowed hosts" in refused(server, Hub(), place, "tiny/model")
    create(server, hub, place, "tiny/private", token_secret="reader")
    create(server, hub, place, "tiny/gated", name="terms", token_secret=f"{place.workspace}/accepted")
    for job in import_jobs(server, place):
        ends(server, job)


def test_a_hub_that_does_not_give_a_file_is_named_in_the_502(server, hub, place):
    create(server, hub, place, "tiny/large", cache=False)
    repository = hub.repositories.pop("tiny/large")
    try:
        answer = server.api.get(f"{place.filesets}/far/-/weights.bin", 502)
        assert "weights.bin" in answer.json()["detail"]
    finally:
        hub.repositories["tiny/large"] = repository


# ------------------------------------------------------------------------------------------------ imports that do not go smoothly


def under_way(server, hub, place, seconds_per_piece=0.1):
    """An import in the middle of a large file that is nowhere else: what is here already is not fetched again."""
    hub.repository("tiny/new", hub.repositories["tiny/model"].files, large={"weights.bin": random.randbytes(6 * MEBIBYTE)})
    hub.seconds_per_piece = seconds_per_piece
    create(server, hub, place, "tiny/new")
    job = import_job(server, place)
    wait_until(lambda: sum(path.stat().st_size for path in partial_files(server) if path.name.endswith(".part")) > 3 * 65536, 60, 0.05, "the middle of the file")
    return job


def test_progress_is_told_while_files_come(server, hub, place):
    job = under_way(server, hub, place)
    assert "caching" in cache_statuses(server, place).values()
    details = wait_until(lambda: status_of(server, job).status_details.get("bytes_done", 0) > 200_000 and status_of(server, job).status_details, 30)
    assert details["bytes_total"] > 6 * MEBIBYTE and details["files_done"] < details["files_total"]
    assert server.client.files.download_content(remote_path="config.json", fileset="far", workspace=place.workspace) == (TINY / "config.json").read_bytes()
    hub.seconds_per_piece = 0.0
    ends(server, job)


def test_a_cancelled_import_ends_within_a_second_and_leaves_nothing(server, hub, place):
    job = under_way(server, hub, place)
    begin = time.monotonic()
    server.client.jobs.cancel(job.name, workspace=place.workspace)
    ends(server, job, "cancelled")
    assert time.monotonic() - begin < 1.5
    wait_until(lambda: not partial_files(server), 5)
    assert "not_cached" in cache_statuses(server, place).values()


def test_a_deleted_fileset_ends_its_import(server, hub, place):
    job = under_way(server, hub, place)
    server.client.files.filesets.delete("far", workspace=place.workspace)
    ends(server, job, "cancelled")
    wait_until(lambda: not partial_files(server), 5)
    hub.seconds_per_piece = 0.0
    create(server, hub, place, "tiny/new")  # the way to try again
    again = wait_until(lambda: [one for one in import_jobs(server, place) if one.name != job.name], 30)[0]
    ends(server, again)


def test_a_deleted_workspace_ends_its_imports(server, hub):
    paths = Paths(unique("far"))
    server.api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    under_way(server, hub, paths)
    server.api.delete(f"/apis/entities/v2/workspaces/{paths.workspace}", 200)
    wait_until(lambda: not partial_files(server), 10)
    hub.seconds_per_piece = 0.0
    wait_until(lambda: server.api.get(f"/apis/entities/v2/workspaces/{paths.workspace}", None).status_code == 404, 30)
    server.api.post("/apis/entities/v2/workspaces", {"name": paths.workspace})
    assert server.api.rows(paths.filesets) == [] and server.api.rows(paths.jobs) == []


def test_other_bytes_than_promised_end_the_import(server, hub, place):
    repository = hub.repositories["tiny/damaged"]
    repository.files["weights.bin"] = LARGE[: MEBIBYTE - 1] + b"?"
    create(server, hub, place, "tiny/damaged")
    ended = ends(server, import_job(server, place), "error")
    assert "weights.bin" in ended.error_details["message"] and "create it anew" in ended.error_details["message"]
    assert cache_statuses(server, place)["weights.bin"] == "not_cached"


def test_an_import_survives_the_death_of_the_server_and_a_stop(server, hub, place):
    job = under_way(server, hub, place)
    before = len(hub.ranges_of("weights.bin"))
    server.end(signal.SIGKILL)
    server.start()
    wait_until(lambda: len(hub.ranges_of("weights.bin")) > before, 30, what="that it goes on")
    assert int(hub.ranges_of("weights.bin")[-1].removeprefix("bytes=").rstrip("-")) > 0
    wait_until(lambda: status_of(server, job).status == "active", 10)
    begin = time.monotonic()
    server.end(signal.SIGTERM)
    assert time.monotonic() - begin < 8  # the import itself within one; the rest is nats-server's
    hub.seconds_per_piece = 0.0
    server.start()
    ends(server, job)
    content = server.client.files.download_content(remote_path="weights.bin", fileset="far", workspace=place.workspace)
    assert hashlib.sha256(content).hexdigest() == hub.repositories["tiny/new"].digests["weights.bin"]


# ------------------------------------------------------------------------------------------------ S3


def test_a_fileset_comes_from_a_real_s3_server(server, s3, place):
    if not s3:
        pytest.skip("moto's server is not installed here")
    endpoint, store = s3
    store.create_bucket(Bucket="data")
    files = {"train/train.jsonl": rows_as_text().encode(), "ä+ö & <x>.txt": b"odd", "empty": b"", "weights.bin": LARGE}
    for path, content in files.items():
        store.put_object(Bucket="data", Key="set/" + path, Body=content)
    store.put_object(Bucket="data", Key="other/x", Body=b"x")
    for name, value in (("key-id", "k"), ("key", "s")):
        server.client.secrets.create(workspace=place.workspace, name=name, value=value)
    storage = {
        "type": "s3",
        "bucket": "data",
        "prefix": "set",
        "endpoint_url": endpoint,
        "access_key_id_secret": "key-id",
        "secret_access_key_secret": "key",
    }
    with pytest.raises(BadRequestError, match="there is no such bucket"):
        server.client.files.filesets.create(workspace=place.workspace, name="far", storage=storage | {"bucket": "nothing"})
    server.client.files.filesets.create(workspace=place.workspace, name="far", storage=storage, cache=False)
    for path, content in files.items():
        assert server.client.files.download_content(remote_path=path, fileset="far", workspace=place.workspace) == content
    server.client.files.filesets.create(workspace=place.workspace, name="near", storage=storage, cache=True)
    ends(server, import_job(server, place))
    assert set(cache_statuses(server, place, "near").values()) == {"cached"}
    store.delete_object(Bucket="data", Key="set/weights.bin")
    assert server.client.files.download_content(remote_path="weights.bin", fileset="near", workspace=place.workspace) == LARGE
    server.api.get(f"{place.filesets}/far/-/weights.bin", 502)


# ------------------------------------------------------------------------------------------------ the operator's choices


def test_a_mirror_is_named_by_the_environment_and_stores_can_be_left_alone(hub, tmp_path):
    server = Server(tmp_path, ["https://huggingface.co"])
    server.start(HF_ENDPOINT=hub.url)
    try:
        made = server.client.files.filesets.create(name="far", storage={"type": "huggingface", "repo_id": "tiny/model"})
        assert made.storage.endpoint == hub.url and len(made.storage.revision) == 40
    finally:
        server.end()
    text = (tmp_path / "luthier.toml").read_text().replace("[files]\n", "[files]\ncontact_stores = false\n")
    (tmp_path / "luthier.toml").write_text(text)
    asked = len(hub.requests)
    server.start(HF_ENDPOINT=hub.url)
    try:
        made = server.client.files.filesets.create(name="farther", storage={"type": "huggingface", "repo_id": "tiny/model"}, cache=True)
        assert made.storage.revision == "main" and server.api.rows("/apis/files/v2/workspaces/default/filesets/farther/files") == []
        assert len(hub.requests) == asked
    finally:
        server.end()
