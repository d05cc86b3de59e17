"""Section 4.7 and D.5: huggingface_hub reads filesets when its endpoint is /apis/files/v2/hf. Nothing else of Hugging Face is contacted."""

import os
import subprocess
import sys

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError
from support import TINY, tiny_files, unique, upload


@pytest.fixture(scope="module")
def repository(api, default):
    name = unique("hub")
    upload(api, default, name, {**tiny_files(), "sub/dir/notes.txt": b"notes"})
    return f"default/{name}"


@pytest.fixture(scope="module")
def endpoint(base_url):
    return base_url + "/apis/files/v2/hf"


def test_a_whole_repository_is_downloaded(endpoint, repository, tmp_path):
    directory = snapshot_download(repository, endpoint=endpoint, local_dir=tmp_path / "all", token=False)
    for file in TINY.iterdir():
        assert (tmp_path / "all" / file.name).read_bytes() == file.read_bytes()
    assert (tmp_path / "all" / "sub/dir/notes.txt").read_text() == "notes" and directory.endswith("all")


def test_one_file_is_downloaded_into_the_cache_and_not_twice(endpoint, repository, tmp_path):
    first = hf_hub_download(repository, "sub/dir/notes.txt", endpoint=endpoint, cache_dir=tmp_path, token=False)
    assert open(first).read() == "notes"
    assert hf_hub_download(repository, "sub/dir/notes.txt", endpoint=endpoint, cache_dir=tmp_path, token=False) == first


def test_a_part_of_a_repository_is_downloaded_by_pattern(endpoint, repository, tmp_path):
    snapshot_download(repository, endpoint=endpoint, local_dir=tmp_path, allow_patterns="*.json", token=False)
    assert not (tmp_path / "model.safetensors").exists() and (tmp_path / "config.json").exists()


def test_any_revision_is_accepted(endpoint, repository, tmp_path):
    assert hf_hub_download(repository, "config.json", revision="some-branch", endpoint=endpoint, cache_dir=tmp_path, token=False)


def test_a_services_token_is_accepted(endpoint, repository, tmp_path):
    assert hf_hub_download(repository, "config.json", endpoint=endpoint, cache_dir=tmp_path, token="service:test")


def test_the_environment_variable_is_enough(endpoint, repository, tmp_path):
    code = f"from huggingface_hub import snapshot_download; print(snapshot_download({repository!r}, local_dir={str(tmp_path)!r}))"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home")},
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "config.json").read_bytes() == (TINY / "config.json").read_bytes()


def test_missing_repositories_and_files_are_told_apart(endpoint, repository, tmp_path):
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("default/nobody", "config.json", endpoint=endpoint, cache_dir=tmp_path, token=False)
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(repository, "nothing.txt", endpoint=endpoint, cache_dir=tmp_path, token=False)


def test_the_hubs_api_describes_the_repository(endpoint, repository):
    info = HfApi(endpoint=endpoint, token=False).model_info(repository)
    assert info.id == repository and len(info.sha) == 40 and info.private is False
    assert {"config.json", "sub/dir/notes.txt"} <= {sibling.rfilename for sibling in info.siblings}


def test_the_tree_and_paths_info_have_sizes_and_leave_unknown_paths_out(api, endpoint, repository):
    tree = {row["path"]: row["size"] for row in api.get(f"{endpoint}/api/models/{repository}/tree/main").json()}
    assert tree["config.json"] == (TINY / "config.json").stat().st_size
    rows = api.post(f"{endpoint}/api/models/{repository}/paths-info/main", {"paths": ["config.json", "nothing.txt"]}, 200).json()
    assert [(row["path"], row["type"], row["size"]) for row in rows] == [("config.json", "file", tree["config.json"])] and rows[0]["oid"]


def test_head_and_get_have_the_hubs_headers(api, endpoint, repository):
    url = f"{endpoint}/{repository}/resolve/main/config.json"
    head, get = api.head(url), api.get(url)
    size = str((TINY / "config.json").stat().st_size)
    for answer in (head, get):
        assert (
            answer.headers["content-length"] == size
            and answer.headers["accept-ranges"] == "bytes"
            and answer.headers["etag"].startswith('"')
        )
        assert len(answer.headers["x-repo-commit"]) == 40 and set(answer.headers["x-repo-commit"]) <= set("0123456789abcdef")
    assert head.headers["x-repo-commit"] == get.headers["x-repo-commit"] == api.head(url).headers["x-repo-commit"]
    assert head.headers["etag"] == get.headers["etag"]


def test_ranges_work_on_this_route_as_well(api, endpoint, repository):
    url = f"{endpoint}/{repository}/resolve/main/model.safetensors"
    content, size = (TINY / "model.safetensors").read_bytes(), (TINY / "model.safetensors").stat().st_size
    part = api.get(url, 206, headers={"range": f"bytes={size - 100}-{size - 1}"})
    assert part.content == content[-100:] and part.headers["content-range"] == f"bytes {size - 100}-{size - 1}/{size}"
    api.get(url, 416, headers={"range": f"bytes={size}-{size + 5}"})


def test_missing_things_are_404(api, endpoint, repository):
    for path in (
        "/default/nobody/resolve/main/x",
        f"/{repository}/resolve/main/nothing.txt",
        "/api/models/default/nobody",
        "/api/models/default/nobody/tree/main",
    ):
        api.get(endpoint + path, 404)
