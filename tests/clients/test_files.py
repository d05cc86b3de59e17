"""Section 4 and D.5: filesets, files, ranges, metadata, storage, log ingestion, through the client and by plain HTTP."""

import hashlib
import io
import json
import pathlib
import socket
import threading
import urllib.parse

import pytest
from nemo_platform import BadRequestError, ConflictError, NotFoundError
from support import Api, envelope, page_is_whole, problems, record, says, upload

FILESET_MEMBERS = {
    "id",
    "name",
    "workspace",
    "description",
    "purpose",
    "storage",
    "metadata",
    "custom_fields",
    "project",
    "created_at",
    "updated_at",
}
FILE_MEMBERS = {"file_ref", "file_url", "path", "size"}
SCHEMA = {"type": "object", "properties": {"prompt": {"type": "string"}}}


# ------------------------------------------------------------------------------------------------ filesets


def test_creating_a_fileset_is_200_with_all_members(api, ws):
    made = api.post(ws.filesets, {"name": "f1"}, 200).json()
    assert FILESET_MEMBERS <= set(made) and made["id"].startswith("fileset-")
    assert made["description"] == "" and made["project"] == "" and made["purpose"] == "generic" and made["custom_fields"] == {}
    assert made["metadata"] == {"dataset": None, "model": None} and made["storage"]["type"] == "local"
    assert made["storage"]["path"].endswith(f"filesets/{ws.workspace}/f1")
    assert api.get(f"{ws.filesets}/f1").json() == made


def test_a_taken_fileset_name_is_409(ws_client):
    ws_client.files.filesets.create(name="f1", description="d")
    with pytest.raises(ConflictError, match="already exists"):
        ws_client.files.filesets.create(name="f1")


@pytest.mark.parametrize("bad", ["", "Upper", "1st", "a--b", "has space", "a/b", "x" * 256])
def test_a_bad_fileset_name_is_422(api, ws, bad):
    api.post(ws.filesets, {"name": bad}, 422)


def test_a_description_is_at_most_255_characters(api, ws):
    assert problems(api.post(ws.filesets, {"name": "f1", "description": "x" * 256}, 422))[0][0] == "string_too_long"
    api.post(ws.filesets, {"name": "f1", "description": "x" * 255}, 200)


def test_patch_changes_only_the_given_members(api, ws):
    api.post(ws.projects, {"name": "p1"})
    made = api.post(ws.filesets, {"name": "f1", "description": "d", "custom_fields": {"a": 1, "b": 2}}, 200).json()
    after = api.patch(f"{ws.filesets}/f1", {"purpose": "dataset", "project": "p1"}).json()
    assert FILESET_MEMBERS <= set(after) and after["description"] == "d" and after["purpose"] == "dataset" and after["project"] == "p1"
    assert after["custom_fields"] == {"a": 1, "b": 2} and after["updated_at"] > made["updated_at"]
    assert api.patch(f"{ws.filesets}/f1", {"custom_fields": {"c": 3}}).json()["custom_fields"] == {"c": 3}


def test_delete_answers_the_fileset_as_it_was_and_removes_its_directory(api, ws):
    upload(api, ws, "f1", {"a.txt": b"x"})
    made = api.get(f"{ws.filesets}/f1").json()
    directory = pathlib.Path(made["storage"]["path"])
    gone = api.delete(f"{ws.filesets}/f1", 200).json()
    assert gone["id"] == made["id"] and FILESET_MEMBERS <= set(gone)
    api.get(f"{ws.filesets}/f1", 404)
    assert not directory.exists()


def test_filesets_are_listed_and_filtered(api, ws):
    for name, purpose in (("rows1", "dataset"), ("rows2", "dataset"), ("weights", "model")):
        api.post(ws.filesets, {"name": name, "purpose": purpose, "description": f"the {name}"}, 200)
    page_is_whole(api.get(ws.filesets).json())
    assert api.names(ws.filesets) == ["weights", "rows2", "rows1"]
    assert api.names(ws.filesets, sort="name") == ["rows1", "rows2", "weights"]
    assert sorted(api.names(ws.filesets, **{"filter[purpose]": "dataset"})) == ["rows1", "rows2"]
    assert api.names(ws.filesets, **{"filter[purpose]": "dataset", "filter[name]": "rows1"}) == ["rows1"]
    assert sorted(api.names(ws.filesets, **{"filter[storage_type]": "local"})) == ["rows1", "rows2", "weights"]
    assert api.names(ws.filesets, **{"filter[description][$like]": "weights"}) == ["weights"]
    times = sorted(row["created_at"] for row in api.rows(ws.filesets))
    assert api.names(ws.filesets, **{"filter[created_at][$gte]": times[1], "filter[created_at][$lte]": times[1]}) == ["rows2"]


def test_an_unknown_filter_is_400(api, ws):
    says(api.get(ws.filesets, 400, params={"filter[size]": "1"}), "size")


def test_everything_of_a_missing_fileset_is_404(api, ws):
    nobody = f"{ws.filesets}/nobody"
    for answer in (
        api.get(nobody, 404),
        api.patch(nobody, {"purpose": "model"}, 404),
        api.delete(nobody, 404),
        api.get(nobody + "/files", 404),
        api.get(nobody + "/-/a.txt", 404),
        api.call("PUT", nobody + "/-/a.txt", 404, content=b"x"),
        api.delete(nobody + "/-/a.txt", 404),
    ):
        says(answer, "not found")
    api.head(nobody + "/-/a.txt", 404)


# ------------------------------------------------------------------------------------------------ files


def test_an_upload_answers_the_file(api, ws):
    api.post(ws.filesets, {"name": "f1"}, 200)
    answer = api.call("PUT", f"{ws.filesets}/f1/-/d/a.txt", 200, content=b"12345").json()
    assert FILE_MEMBERS <= set(answer) and answer["path"] == "d/a.txt" and answer["size"] == 5 and answer.get("cache_status") is None
    assert (
        answer["file_ref"] == f"{ws.workspace}/f1#d/a.txt"
        and answer["file_url"] == f"/apis/files/v2/workspaces/{ws.workspace}/filesets/f1/-/d/a.txt"
    )
    assert api.get(answer["file_url"]).content == b"12345"


def test_a_download_says_how_long_it_is(api, ws):
    upload(api, ws, "f1", {"a.txt": b"12345"})
    answer = api.get(f"{ws.filesets}/f1/-/a.txt")
    assert (
        answer.headers["content-type"] == "application/octet-stream"
        and answer.headers["content-length"] == "5"
        and answer.headers["accept-ranges"] == "bytes"
    )


def test_overwriting_shows_the_new_size_at_once(api, ws):
    upload(api, ws, "f1", {"a.txt": b"12345"})
    api.call("PUT", f"{ws.filesets}/f1/-/a.txt", 200, content=b"1")
    assert [row["size"] for row in api.rows(f"{ws.filesets}/f1/files")] == [1] and api.get(f"{ws.filesets}/f1/-/a.txt").content == b"1"


def test_an_empty_file_is_a_file(api, ws):
    upload(api, ws, "f1", {"empty": b""})
    assert api.get(f"{ws.filesets}/f1/-/empty").content == b"" and api.rows(f"{ws.filesets}/f1/files")[0]["size"] == 0


def test_a_chunked_body_of_unknown_length_is_stored(api, ws):
    api.post(ws.filesets, {"name": "f1"}, 200)
    pieces = [bytes([n % 251]) * 100_000 for n in range(20)]
    api.call("PUT", f"{ws.filesets}/f1/-/big.bin", 200, content=iter(pieces))
    assert hashlib.sha256(api.get(f"{ws.filesets}/f1/-/big.bin").content).digest() == hashlib.sha256(b"".join(pieces)).digest()


def test_a_multipart_form_with_one_file_is_stored(api, ws):
    api.post(ws.filesets, {"name": "f1"}, 200)
    api.call("PUT", f"{ws.filesets}/f1/-/a.txt", 200, files={"file": ("whatever.txt", b"content")})
    assert api.get(f"{ws.filesets}/f1/-/a.txt").content == b"content"


def test_a_deleted_file_is_gone_with_its_empty_directories(api, ws):
    upload(api, ws, "f1", {"d/e/a.txt": b"1", "b.txt": b"2"})
    gone = api.delete(f"{ws.filesets}/f1/-/d/e/a.txt", 200).json()
    assert gone["path"] == "d/e/a.txt" and gone["size"] == 1
    says(api.get(f"{ws.filesets}/f1/-/d/e/a.txt", 404), "not found")
    says(api.delete(f"{ws.filesets}/f1/-/d/e/a.txt", 404), "not found")
    assert [row["path"] for row in api.rows(f"{ws.filesets}/f1/files")] == ["b.txt"]


@pytest.mark.parametrize("bad", ["..%2Fx", "a%2F..%2F..%2Fx", "a%2F..", "%2Fetc%2Fpasswd", "a%00b", "%2E%2E%2Fx", "."])
def test_a_path_that_leaves_the_fileset_is_400(base_url, api, ws, bad):
    upload(api, ws, "f1", {"a/b.txt": b"1"})
    url = urllib.parse.urlsplit(base_url)  # by hand: a client would tidy the path itself
    for method in ("GET", "PUT", "DELETE"):
        with socket.create_connection((url.hostname, url.port), 10) as connection:
            connection.sendall(
                f"{method} {ws.filesets}/f1/-/{bad} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            status = connection.makefile("rb").readline().split()[1]
        assert status == b"400" or (bad == "." and status in (b"400", b"404")), (method, status)
    assert [row["path"] for row in api.rows(f"{ws.filesets}/f1/files")] == ["a/b.txt"]


def test_a_listing_takes_a_directory_or_a_file_as_prefix(api, ws):
    upload(api, ws, "f1", {"data/a.txt": b"1", "data/sub/b.txt": b"2", "data2/c.txt": b"3", "root.txt": b"4"})
    listing = f"{ws.filesets}/f1/files"
    paths = lambda **query: [row["path"] for row in api.rows(listing, **query)]  # noqa: E731
    assert paths() == ["data/a.txt", "data/sub/b.txt", "data2/c.txt", "root.txt"]
    assert paths(path="data") == paths(path="data/") == ["data/a.txt", "data/sub/b.txt"]
    assert paths(path="root.txt") == ["root.txt"] and paths(path="nothing") == []


def test_the_cache_status_can_be_left_out(api, ws):
    upload(api, ws, "f1", {"a.txt": b"1"})
    assert api.rows(f"{ws.filesets}/f1/files")[0]["cache_status"] == "not_cacheable"
    assert api.rows(f"{ws.filesets}/f1/files", include_cache_status="false")[0].get("cache_status") is None


@pytest.mark.parametrize("header, status, content, content_range", [
    ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
    ("bytes=2-5", 206, b"2345", "bytes 2-5/10"),
    ("bytes=7-", 206, b"789", "bytes 7-9/10"),
    ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
    ("bytes=0-10", 416, None, None),
    ("bytes=10-", 416, None, None),
    ("bytes=5-2", 416, None, None),
    ("rubbish", 416, None, None),
    ("bytes=a-b", 416, None, None),
])  # fmt: skip
def test_ranges(api, ws, header, status, content, content_range):
    upload(api, ws, "f1", {"a.txt": b"0123456789"})
    answer = api.get(f"{ws.filesets}/f1/-/a.txt", status, headers={"range": header})
    if status == 206:
        assert (
            answer.content == content
            and answer.headers["content-range"] == content_range
            and answer.headers["content-length"] == str(len(content))
        )
        assert answer.headers["accept-ranges"] == "bytes"
    else:
        says(answer, "Invalid range")


def test_a_column_files_reader_finds_its_way(api, ws):
    content = bytes(range(256)) * 400
    upload(api, ws, "f1", {"t.parquet": content})
    path, size = f"{ws.filesets}/f1/-/t.parquet", int(api.head(f"{ws.filesets}/f1/-/t.parquet").headers["content-length"])
    for start, end in ((size - 8, size - 1), (size - 65536, size - 1), (1000, 1999), (0, 3)):
        assert api.get(path, 206, headers={"range": f"bytes={start}-{end}"}).content == content[start : end + 1]


def test_a_broken_upload_leaves_the_old_content(base_url, api, ws):
    upload(api, ws, "f1", {"a.txt": b"old"})
    url = urllib.parse.urlsplit(base_url)
    with socket.create_connection((url.hostname, url.port), 10) as connection:
        connection.sendall(f"PUT {ws.filesets}/f1/-/a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf".encode())
    assert api.get(f"{ws.filesets}/f1/-/a.txt").content == b"old"
    assert [(row["path"], row["size"]) for row in api.rows(f"{ws.filesets}/f1/files")] == [("a.txt", 3)]


def test_many_uploads_at_once_are_all_there(base_url, api, ws):
    api.post(ws.filesets, {"name": "f1"}, 200)
    failures = []

    def send(part):
        own = Api(base_url)
        for number in range(50):
            answer = own.call("PUT", f"{ws.filesets}/f1/-/p{part}/{number:03}.txt", content=f"{part} {number}".encode())
            if answer.status_code != 200:
                failures.append(answer.text)

    threads = [threading.Thread(target=send, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and len(api.rows(f"{ws.filesets}/f1/files")) == 200


# ------------------------------------------------------------------------------------------------ the client's way


def test_put_of_a_path_lands_at_the_root(ws_client, ws, api, tmp_path):
    (tmp_path / "training.jsonl").write_text("{}\n")
    ws_client.files.filesets.create(name="f1")
    ws_client.files.fsspec.put(lpath=tmp_path, rpath=f"{ws.workspace}/f1/", recursive=True)
    assert [row["path"] for row in api.rows(f"{ws.filesets}/f1/files")] == ["training.jsonl"]


def test_put_of_a_text_keeps_directories_and_without_a_slash_its_own_name_too(ws_client, ws, api, tmp_path):
    source = tmp_path / "ds"
    (source / "sub").mkdir(parents=True)
    (source / "training.jsonl").write_text("{}\n")
    (source / "sub" / "more.txt").write_text("more")
    for name, local, prefix in (("f1", f"{source}/", ""), ("f2", str(source), "ds/")):
        ws_client.files.filesets.create(name=name)
        ws_client.files.fsspec.put(lpath=local, rpath=f"{ws.workspace}/{name}/", recursive=True)
        assert [row["path"] for row in api.rows(f"{ws.filesets}/{name}/files")] == [prefix + "sub/more.txt", prefix + "training.jsonl"]


def test_upload_list_download_and_delete_by_the_client(ws_client, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.txt").write_text("a")
    made = ws_client.files.upload(local_path=str(source) + "/", fileset="f1", fileset_auto_create=True)
    assert made.name == "f1" and made.description == ""
    ws_client.files.upload_content(content=b"bytes", remote_path="d/b.bin", fileset="f1")
    ws_client.files.upload_content(content=io.BytesIO(b"stream"), remote_path="d/c.bin", fileset="f1")
    ws_client.files.upload_content(content=(part for part in (b"it", b"er")), remote_path="d/i.bin", fileset="f1")
    assert sorted(file.path for file in ws_client.files.list(fileset="f1").data) == ["a.txt", "d/b.bin", "d/c.bin", "d/i.bin"]
    assert ws_client.files.list(fileset="f1", include_cache_status=True).cache_status == "not_cacheable"
    assert [file.path for file in ws_client.files.list(fileset="f1", remote_path="d/*.bin").data][0].startswith("d/")
    assert ws_client.files.download_content(remote_path="d/i.bin", fileset="f1") == b"iter"
    ws_client.files.download(fileset="f1", local_path=str(target))
    assert (target / "d" / "c.bin").read_bytes() == b"stream" and (target / "a.txt").read_text() == "a"
    ws_client.files.delete(fileset="f1", remote_path="a.txt")
    assert sorted(file.path for file in ws_client.files.list(fileset="f1").data) == ["d/b.bin", "d/c.bin", "d/i.bin"]


def test_a_fileset_gets_a_name_when_none_is_given(ws_client, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    assert ws_client.files.upload(local_path=str(tmp_path) + "/", fileset_auto_create=True).name.startswith("fileset-")


def test_references_of_all_forms_reach_the_file(ws_client, ws):
    ws_client.files.upload_content(content=b"x", remote_path="d/a.txt", fileset="f1", fileset_auto_create=True)
    for reference in (f"fileset://{ws.workspace}/f1#d/a.txt", f"{ws.workspace}/f1#d/a.txt", "f1#d/a.txt"):
        assert ws_client.files.download_content(remote_path=reference) == b"x", reference


def test_a_missing_file_is_not_found_for_the_client(ws_client):
    ws_client.files.filesets.create(name="f1")
    with pytest.raises(Exception) as raised:
        ws_client.files.download_content(remote_path="nothing.txt", fileset="f1")
    assert isinstance(raised.value, (FileNotFoundError, NotFoundError)) or "not found" in str(raised.value).lower()


def test_a_fileset_can_be_read_in_pieces_by_fsspec(ws_client, ws):
    ws_client.files.upload_content(content=bytes(range(100)), remote_path="a.bin", fileset="f1", fileset_auto_create=True)
    assert ws_client.files.fsspec.cat_file(f"{ws.workspace}/f1#a.bin", start=10, end=20) == bytes(range(10, 20))
    assert ws_client.files.fsspec.info(f"{ws.workspace}/f1#a.bin")["size"] == 100


# ------------------------------------------------------------------------------------------------ storage and metadata


def test_local_storage_of_the_users_own_is_not_allowed(ws_client):
    with pytest.raises(BadRequestError, match="local storage is not allowed"):
        ws_client.files.filesets.create(name="f1", storage={"type": "local", "path": "/etc"})


def test_the_servers_own_credentials_are_not_lent(ws_client):
    with pytest.raises(BadRequestError, match="use_sdk_auth=true is not allowed"):
        ws_client.files.filesets.create(name="f1", storage={"type": "s3", "bucket": "b", "use_sdk_auth": True})


def test_a_host_that_is_not_allowed_is_400(api, ws):
    api.post(ws.filesets, {"name": "f1", "storage": {"type": "huggingface", "repo_id": "a/b", "endpoint": "http://169.254.169.254"}}, 400)
    api.post(
        ws.filesets,
        {
            "name": "f1",
            "storage": {"type": "ngc", "org": "o", "team": "t", "target": "x", "api_key_secret": "k", "host": "http://127.0.0.1:1"},
        },
        400,
    )
    api.get(f"{ws.filesets}/f1", 404)


def test_a_secret_of_the_storage_that_does_not_exist_is_400(api, ws):
    api.post(ws.filesets, {"name": "f1", "storage": {"type": "huggingface", "repo_id": "a/b", "token_secret": "nobody"}}, 400)


def test_an_unknown_storage_type_is_422(api, ws):
    assert problems(api.post(ws.filesets, {"name": "f1", "storage": {"type": "tape"}}, 422))[0][0] == "union_tag_invalid"


def test_dataset_metadata_comes_back_unchanged(api, ws):
    metadata = {"dataset": {"schema": SCHEMA, "schema_defs": {"row": SCHEMA}, "schemas_by_path": {"a.jsonl": "row", "b.jsonl": SCHEMA}}}
    made = api.post(ws.filesets, {"name": "f1", "purpose": "dataset", "metadata": metadata}, 200).json()
    assert made["metadata"]["dataset"] == metadata["dataset"]
    by_key = {"dataset": {"schema": "row", "schema_defs": {"row": SCHEMA}}}
    assert api.patch(f"{ws.filesets}/f1", {"metadata": by_key}).json()["metadata"]["dataset"]["schema"] == "row"


def test_a_schema_that_is_none_is_422_on_create_and_update(api, ws):
    says(api.post(ws.filesets, {"name": "f1", "metadata": {"dataset": {"schema": {"type": "no-such-type"}}}}, 422), "no-such-type")
    says(
        api.post(ws.filesets, {"name": "f1", "metadata": {"dataset": {"schema": "nobody", "schema_defs": {"row": SCHEMA}}}}, 422), "nobody"
    )
    api.post(ws.filesets, {"name": "f1"}, 200)
    says(api.patch(f"{ws.filesets}/f1", {"metadata": {"dataset": {"schemas_by_path": {"a": "nobody"}, "schema_defs": {}}}}, 422), "nobody")


def test_tool_calling_metadata_comes_back_unchanged(api, ws):
    tool_calling = {"chat_template": "{{ messages }}", "tool_call_parser": "hermes", "auto_tool_choice": True}
    made = api.post(ws.filesets, {"name": "f1", "purpose": "model", "metadata": {"model": {"tool_calling": tool_calling}}}, 200).json()
    assert tool_calling.items() <= made["metadata"]["model"]["tool_calling"].items()


def test_only_a_service_can_make_a_fileset_that_users_cannot_change(base_url, api, ws):
    mine = api.post(ws.filesets, {"name": "mine", "custom_fields": {"service_source": "me", "a": 1}}, 200).json()
    assert mine["custom_fields"] == {"a": 1}
    service = Api(base_url, **{"x-nmp-principal-id": "service:jobs"})
    assert (
        service.post(ws.filesets, {"name": "theirs", "custom_fields": {"service_source": "jobs"}}, 200).json()["custom_fields"][
            "service_source"
        ]
        == "jobs"
    )
    says(api.call("PUT", f"{ws.filesets}/theirs/-/a.txt", 403, content=b"x"), "immutable")
    service.call("PUT", f"{ws.filesets}/theirs/-/a.txt", 200, content=b"x")
    for custom_fields in ({"service_source": "me"}, {}):
        assert api.patch(f"{ws.filesets}/theirs", {"custom_fields": custom_fields}).json()["custom_fields"]["service_source"] == "jobs"


# ------------------------------------------------------------------------------------------------ logs


@pytest.fixture
def logs(api, ws):
    api.post(ws.filesets, {"name": "logs"}, 200)
    return f"{ws.filesets}/logs/otlp/v1/logs"


def test_log_records_are_taken_and_found_again(api, logs):
    answer = api.post(logs, envelope(record("j1", "one"), record("j2", "it's two", time=1_760_000_001_000_000_000)), 200).json()
    assert not answer.get("partialSuccess")
    api.post(logs, envelope(record("j1", "three", time=1_760_000_002_000_000_000)), 200)
    found = api.post(f"{logs}/query", {"filters": {"job": "j1"}}, 200).json()
    assert [row["message"] for row in found["data"]] == ["one", "three"] and found["total"] == 2
    assert api.post(f"{logs}/query", {"filters": {"log_message": "it's two"}}, 200).json()["total"] == 1
    nothing = api.post(f"{logs}/query", {"filters": {"job": "nobody"}}, 200).json()
    assert nothing == {"data": [], "total": 0, "next_page": None, "prev_page": None}


def test_a_record_without_a_job_is_rejected_alone(api, logs):
    lonely = {"timeUnixNano": "1", "body": {"stringValue": "x"}, "attributes": []}
    answer = api.post(logs, envelope(lonely, record("j1", "one")), 200).json()
    assert int(answer["partialSuccess"]["rejectedLogRecords"]) == 1
    assert api.post(f"{logs}/query", {"filters": {}}, 200).json()["total"] == 1


def test_protobuf_is_understood(api, logs):
    def field(number, content):  # a length-delimited field; all here are shorter than 16 KiB
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        return bytes([number << 3 | 2]) + length + content

    def attribute(key, value):
        return field(6, field(1, key.encode()) + field(2, field(1, value.encode())))

    keys = (("workspace", "w"), ("job", "j1"), ("job_attempt", "0"), ("job_step", "s"), ("job_task", "t"))
    log_record = (
        b"\x09"
        + (1_760_000_000_000_000_000).to_bytes(8, "little")
        + field(5, field(1, b"binary"))
        + b"".join(attribute(*pair) for pair in keys)
    )
    body = field(1, field(2, field(2, log_record)))
    api.call("POST", logs, 200, content=body, headers={"content-type": "application/x-protobuf"})
    assert [row["message"] for row in api.post(f"{logs}/query", {"filters": {"job": "j1"}}, 200).json()["data"]] == ["binary"]


def test_bad_logs_are_400_and_a_missing_fileset_404(api, ws, logs):
    says(api.call("POST", logs, 400, content=b"{", headers={"content-type": "application/json"}), "Invalid JSON format")
    says(
        api.call("POST", logs, 400, content=b"\xff\xff\xff", headers={"content-type": "application/x-protobuf"}), "Invalid protobuf format"
    )
    api.post(f"{ws.filesets}/nobody/otlp/v1/logs", envelope(record("j", "m")), 404)


def test_an_unfit_log_query_is_400(api, logs):
    says(api.post(f"{logs}/query", {"filters": {"colour": "red"}}, 400), "Invalid filter")
    says(api.post(f"{logs}/query", {"filters": {"job": "a'; drop"}}, 400), "Invalid filter")


def test_twenty_five_lines_at_a_limit_of_ten_are_three_pages(api, logs):
    api.post(logs, envelope(*(record("j1", f"line {n}", time=1_760_000_000_000_000_000 + n * 1_000_000) for n in range(25))), 200)
    query, seen, cursors = {"filters": {"job": "j1"}, "limit": 10}, [], []
    while True:
        page = api.post(f"{logs}/query", query, 200).json()
        assert page["total"] == 25
        seen.append([row["message"] for row in page["data"]])
        cursors.append((page["prev_page"] is None, page["next_page"] is None))
        if page["next_page"] is None:
            break
        query["page_cursor"] = page["next_page"]
    assert [len(page) for page in seen] == [10, 10, 5] and sum(seen, []) == [f"line {n}" for n in range(25)]
    assert cursors == [(True, False), (False, False), (False, True)]
    assert json.dumps(api.post(f"{logs}/query", {**query, "page_cursor": "!!"}, 422).json()["detail"])
