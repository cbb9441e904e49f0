"""The fake Hub holds up to the real client: commits, conditions, large files, pages, ranges, pull requests, access."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub.fake_hub import FakeHub
from hub.pointing import sign_in
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, RemoteEntryNotFoundError, RepositoryNotFoundError

NAME = "org/results"
KIND = "dataset"


@pytest.fixture
def api(pointed: FakeHub) -> HfApi:
    return HfApi()


def add(api: HfApi, files: dict[str, bytes], **how: object) -> str:
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit(NAME, operations, repo_type=KIND, commit_message="add", **how).oid  # type: ignore[arg-type]


def status(error: pytest.ExceptionInfo[HfHubHTTPError]) -> int:
    return error.value.response.status_code


def test_what_is_committed_is_listed_and_read(api: HfApi, hub: FakeHub, tmp_path: Path) -> None:
    files = {"a.json": b"{}", "deep/er/b.txt": b"hello", "tables/t.parquet": b"PAR1" * 99, "empty": b""}
    oid = add(api, files)
    assert api.dataset_info(NAME).sha == oid
    assert hub.repositories["datasets", NAME].files == files
    listed = {entry.path for entry in api.list_repo_tree(NAME, repo_type=KIND, recursive=True)}
    assert listed >= {*files, "deep", "deep/er"}
    shallow = {entry.path for entry in api.list_repo_tree(NAME, "deep", repo_type=KIND)}
    assert shallow == {"deep/er"}
    for path, content in files.items():
        arrived = api.hf_hub_download(NAME, path, repo_type=KIND, local_dir=tmp_path)
        assert Path(arrived).read_bytes() == content
    [info] = api.get_paths_info(NAME, ["tables/t.parquet", "nowhere"], repo_type=KIND)
    assert info.lfs is not None  # type: ignore[union-attr]
    assert hub.asked("/storage/")
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download(NAME, "nowhere", repo_type=KIND, local_dir=tmp_path)


def test_the_same_file_again_is_no_commit(api: HfApi) -> None:
    files = {"a.json": b"{}", "t.parquet": b"PAR1"}
    assert add(api, files) == add(api, files)
    assert len(api.list_repo_commits(NAME, repo_type=KIND)) == 2


def test_a_stale_parent_is_refused(api: HfApi) -> None:
    before = api.dataset_info(NAME).sha
    assert before is not None
    add(api, {"a": b"1"}, parent_commit=before)
    with pytest.raises(HfHubHTTPError) as error:
        add(api, {"b": b"1"}, parent_commit=before)
    assert status(error) == 412


def test_files_and_folders_are_deleted(api: HfApi, hub: FakeHub) -> None:
    add(api, {"a": b"1", "f/b": b"2", "f/c": b"3"})
    operations = [CommitOperationDelete("a"), CommitOperationDelete("f/")]
    api.create_commit(NAME, operations, repo_type=KIND, commit_message="clear")
    assert hub.repositories["datasets", NAME].files == {}


def test_a_long_listing_comes_in_pages(api: HfApi, hub: FakeHub) -> None:
    hub.page_size = 4
    add(api, {f"f{number}": b"x" for number in range(10)})
    assert len(list(api.list_repo_tree(NAME, repo_type=KIND, recursive=True))) == 11
    assert len(hub.asked("/tree/")) == 3


def test_a_download_that_is_cut_off_is_taken_up_again(api: HfApi, hub: FakeHub, tmp_path: Path) -> None:
    content = bytes(11 * 2**20)  # the client keeps whole pieces of 10 MiB
    add(api, {"big.bin": content})
    hub.fail("GET /storage", cut=len(content) - 1000)
    arrived = api.hf_hub_download(NAME, "big.bin", repo_type=KIND, local_dir=tmp_path)
    assert Path(arrived).read_bytes() == content
    assert [request[-3:] for request in hub.asked("GET /storage")] == ["200", "206"]


def test_strangers_propose_and_members_merge(api: HfApi, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in("hf_stranger", monkeypatch)
    with pytest.raises(HfHubHTTPError) as error:
        add(api, {"a": b"1"})
    assert status(error) == 403
    made = api.create_commit(
        NAME,
        [CommitOperationAdd("submissions/x/s.toml", b"name"), CommitOperationAdd("submissions/x/s.parquet", b"PAR1")],
        repo_type=KIND,
        commit_message="submit x",
        create_pr=True,
    )
    assert made.pr_num == 1
    assert made.pr_revision == "refs/pr/1"
    [opened] = api.get_repo_discussions(NAME, repo_type=KIND, discussion_type="pull_request", discussion_status="open")
    assert (opened.num, opened.title, opened.author, opened.status) == (1, "submit x", "stranger", "open")
    found = {entry.path for entry in api.list_repo_tree(NAME, "submissions/x", repo_type=KIND, revision="refs/pr/1")}
    assert found == {"submissions/x/s.toml", "submissions/x/s.parquet"}
    with pytest.raises(HfHubHTTPError) as error:
        api.merge_pull_request(NAME, 1, repo_type=KIND)
    assert status(error) == 403
    sign_in("hf_worker", monkeypatch)
    add(api, {"other": b"1"})
    api.comment_discussion(NAME, 1, comment="thank you", repo_type=KIND)
    api.merge_pull_request(NAME, 1, repo_type=KIND)
    details = api.get_discussion_details(NAME, 1, repo_type=KIND)
    assert details.status == "merged"
    assert details.merge_commit_oid == api.dataset_info(NAME).sha
    assert hub.repositories["datasets", NAME].files.keys() == {
        "other",
        "submissions/x/s.toml",
        "submissions/x/s.parquet",
    }
    assert not list(api.get_repo_discussions(NAME, repo_type=KIND, discussion_status="open"))


def test_requests_that_conflict_or_are_closed(api: HfApi) -> None:
    for content in (b"1", b"2"):
        add(api, {"same": content}, create_pr=True)
    api.merge_pull_request(NAME, 1, repo_type=KIND)
    assert api.get_discussion_details(NAME, 2, repo_type=KIND).conflicting_files == ["same"]
    with pytest.raises(HfHubHTTPError) as error:
        api.merge_pull_request(NAME, 2, repo_type=KIND)
    assert status(error) == 409
    api.change_discussion_status(NAME, 2, "closed", repo_type=KIND)
    assert api.get_discussion_details(NAME, 2, repo_type=KIND).status == "closed"


def test_who_may_what(api: HfApi, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.create("org/secret", private=True)
    api.auth_check("org/secret", repo_type=KIND, write=True)
    assert api.whoami()["name"] == "worker"
    sign_in("hf_reader", monkeypatch)
    api.auth_check("org/secret", repo_type=KIND)
    with pytest.raises(HfHubHTTPError) as error:
        api.auth_check("org/secret", repo_type=KIND, write=True)
    assert status(error) == 403
    for token, expected in (("hf_stranger", 404), (None, 401)):
        sign_in(token, monkeypatch)
        with pytest.raises(RepositoryNotFoundError) as missing:
            api.dataset_info("org/secret")
        assert status(missing) == expected
    sign_in("hf_wrong", monkeypatch)
    with pytest.raises(HfHubHTTPError, match="Invalid credentials") as error:
        api.dataset_info(NAME)
    assert status(error) == 401


def test_repositories_are_created_once(api: HfApi, hub: FakeHub) -> None:
    api.create_repo("org/new", repo_type=KIND, private=True)
    api.create_repo("org/new", repo_type=KIND, exist_ok=True)
    assert hub.repositories["datasets", "org/new"].private
    with pytest.raises(HfHubHTTPError) as error:
        api.create_repo("org/new", repo_type=KIND)
    assert status(error) == 409
    api.create_repo("org/board", repo_type="space", space_sdk="gradio")
    operations = [CommitOperationAdd("README.md", b"---\nsdk: gradio\n---\n")]
    api.create_commit("org/board", operations, repo_type="space", commit_message="first")
    assert hub.repositories["spaces", "org/board"].files["README.md"].startswith(b"---")
