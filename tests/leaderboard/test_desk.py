"""The desk as strangers meet it over HTTP: what they send is checked by its real process, bounded, and kept nowhere."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio.oauth
import pytest
from hub.fake_hub import FakeHub
from itsdangerous import TimestampSigner
from leaderboard_requests import Board, archive, files
from sent import PYTHON, entry, tar_gz
from starlette.testclient import TestClient

from leaderboard import desk as desk_module
from leaderboard.app import build
from leaderboard.desk import account_of, door_to
from leaderboard.source import Source
from suite.intake.archive import LARGEST_ARCHIVE
from suite.intake.overview import read_listing
from suite.intake.requests import Request
from suite.intake.submission import CODE, MANIFEST
from suite.stores import open_store

HEADERS = {"x-breadth": "submission"}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, of this process and of those that it starts."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """A local board without requests."""
    return Board(tmp_path / "board")


@pytest.fixture
def client(board: Board, scratch: Path) -> Iterator[TestClient]:
    """Somebody at the page of the local board."""
    source = Source(board.store.url, requests=board.store.url)
    source.refresh_requests()
    with TestClient(build(source)) as opened:
        yield opened


def sent(client: TestClient, content: bytes, *, author: str = "", send: bool = True) -> tuple[int, str]:
    query = {"send": "yes" if send else "no"} | ({"author": author} if author else {})
    answered = client.post("/submission", params=query, content=content, headers=HEADERS)
    return answered.status_code, answered.json()["html"]


def listed(board: Board) -> list[Request]:
    return board.queue.listing().requests


def test_what_passes_is_queued_once_and_seen_at_once(client: TestClient, board: Board, scratch: Path) -> None:
    assert client.get("/desk").json()["by"] == "name"
    status, html = sent(client, archive(), send=False)
    assert (status, "my-method 1.2 passes: code, one strategy." in html) == (200, True)
    assert listed(board) == []
    status, html = sent(client, archive(), author="ada")
    (request,) = listed(board)
    assert f"queued as request <code>{request.id}</code>, place 1" in html
    assert f'href="?view=queue&amp;request={request.id}"' in html
    assert (request.author, request.origin, request.wanted.tracks) == ("ada", "the page", {"microworld": (500,)})
    assert "my-method 1.2" in client.get(f"/?view=queue&request={request.id}").text
    assert "already, and queued: nothing was sent" in sent(client, archive(), author="ada")[1]
    assert len(listed(board)) == 1
    # An author has one active request at a time, and a name has one owner.
    status, html = sent(client, archive("other-method"), author="ada")
    assert "passes every rule, and was not queued: ada has an active request already" in html
    status, html = sent(client, archive(), author="eve")
    assert "reads differently from" in html
    assert list(scratch.rglob("*")) == [], "something of what was sent is still there"


def test_every_problem_is_a_row_and_nothing_in_it_is_html(client: TestClient, board: Board) -> None:
    broken = files()
    broken[MANIFEST] = broken[MANIFEST].replace(b'"1.2"', b'"<script>alert(1)</script>"').replace(b"[500]", b"[501]")
    broken[CODE] = b"import pandas\n" + broken[CODE]
    _, html = sent(client, tar_gz(*(entry(name, content) for name, content in broken.items())), author="ada")
    assert "3 problems; nothing was sent." in html
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    for head in ("file", "line", "what stands there", "rule", "what to do"):
        assert f">{head}</th>" in html
    assert ">501<" in html
    assert ">strategy.py<" in html
    assert "imports are of the standard library" in html
    assert listed(board) == []


def test_hostile_archives_get_an_answer_and_leave_nothing(
    client: TestClient, board: Board, scratch: Path, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    runs = PYTHON.replace('"""A strategy."""', f'"""A strategy."""\nopen({str(touched)!r}, "w").close()')
    hostile = {
        "rubbish": b"PK\x03\x04" + bytes(100),
        "a bomb": gzip.compress(bytes(200 * 2**20), 9),
        "a way out": tar_gz(entry("../../escaped", b"x")),
        "a link": tar_gz(entry(MANIFEST, type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "a torn one": archive()[:-20],
        "many files": tar_gz(*(entry(f"file-{number}") for number in range(50))),
    }
    for what, content in hostile.items():
        status, html = sent(client, content, author="ada")
        assert status == 200, what
        assert "nothing was sent" in html, what
        assert "root:" not in html
    # Code that would act when it is imported: whatever the check says of it, it is not.
    sent(client, tar_gz(*(entry(name, content) for name, content in files(code=runs).items())), send=False)
    assert not touched.exists()
    assert listed(board) == []
    assert list(scratch.rglob("*")) == []
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    ("author", "content", "headers", "status", "said"),
    [
        ("ada", b"x", {}, 403, "from the Submit tab"),
        ("", b"x", HEADERS, 400, "Say your name first"),
        ("../up", b"x", HEADERS, 400, "no author's name"),
        ("a b", b"x", HEADERS, 400, "no author's name"),
        ("ada", b"", HEADERS, 400, "Nothing was sent"),
        ("ada", bytes(LARGEST_ARCHIVE + 1), HEADERS, 413, "at most 16 MiB"),
        ("ada", [bytes(2**20)] * 17, HEADERS, 413, "at most 16 MiB"),
    ],
    ids=["another site", "no name", "a path", "a blank", "nothing", "too large", "too large, unannounced"],
)
def test_what_is_refused_is_refused_in_one_sentence(
    client: TestClient, author: str, content: object, headers: dict[str, str], status: int, said: str
) -> None:
    body = iter(content) if isinstance(content, list) else content
    answered = client.post("/submission", params={"send": "yes", "author": author}, content=body, headers=headers)  # type: ignore[arg-type]
    assert answered.status_code == status
    assert said in answered.json()["html"].replace("&#39;", "'")
    assert "<table" not in answered.json()["html"]


def test_gradio_takes_no_files(client: TestClient, scratch: Path) -> None:
    assert client.post("/gradio_api/upload", files={"files": ("x.txt", b"x")}).status_code == 404
    assert [path for path in scratch.rglob("*") if path.is_file()] == []


def test_many_at_once_are_each_answered_and_none_is_lost_or_doubled(client: TestClient, board: Board) -> None:
    with ThreadPoolExecutor(12) as pool:
        authors = [f"author-{number % 6}" for number in range(12)]
        answers = list(
            pool.map(lambda author: sent(client, archive(author.replace("author", "method")), author=author), authors)
        )
    assert {status for status, _ in answers} <= {200, 503}
    taken = {author for author, (status, _) in zip(authors, answers, strict=True) if status == 200}
    assert taken
    assert sorted(request.author for request in listed(board)) == sorted(taken)
    assert all("is queued as" in html or "already" in html for status, html in answers if status == 200)
    assert all("Try again in a minute" in html for status, html in answers if status == 503)
    # The desk is free again.
    assert sent(client, archive(), send=False)[0] == 200


def test_a_check_that_does_not_end_is_ended(client: TestClient, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "CHECK_SECONDS", 0.01)
    status, html = sent(client, archive(), author="ada")
    assert (status, "It took longer than 0 s, and was ended" in html) == (200, True)
    assert listed(board) == []


def test_a_page_without_requests_takes_none(tmp_path: Path) -> None:
    with TestClient(build(Source(f"file:{tmp_path}"))) as client:
        assert client.get("/desk").json()["by"] == ""
        assert sent(client, archive(), author="ada")[0] == 403
        assert "no store of them" in client.get("/?view=submit").text


def test_a_log_leaves_as_text(client: TestClient, board: Board) -> None:
    request = board.submit("my-method", "ada")
    board.queue.fail(board.claim(), "no", "submission", b"<b>one</b>\ntwo \xff\n")
    assert client.get(f"/log/x.txt?request={'0' * 16}").status_code == 404
    source = Source(board.store.url, requests=board.store.url)
    source.refresh_requests()
    with TestClient(build(source)) as opened:
        got = opened.get(f"/log/x.txt?request={request.id}")
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.text.startswith("<b>one</b>\ntwo ")


# --- On a Space: whoever signed in is the author, and the Space's own token writes.


@pytest.fixture
def space(pointed: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """The environment of a Space with sign-in and a token of its own; a fake Hub with a repository of requests."""
    pointed.create("org/requests")
    for name, value in pointed.environment(tmp_path / "hf").items():
        monkeypatch.setenv(name, value)
    facts = {"SYSTEM": "spaces", "SPACE_ID": "org/board", "OAUTH_CLIENT_ID": "board", "HF_HUB_OFFLINE": "0"}
    for name, value in facts.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(gradio.oauth, "OAUTH_CLIENT_ID", "board")
    monkeypatch.setattr(gradio.oauth, "OAUTH_CLIENT_SECRET", "secret")
    monkeypatch.setattr(gradio.oauth, "OAUTH_SCOPES", "openid profile")
    monkeypatch.setattr(gradio.oauth, "OPENID_PROVIDER_URL", "https://hub.invalid")
    return pointed


def cookie(name: str, *, expires_in: float = 3600.0, secret: str = "secret") -> dict[str, str]:
    """The session that Gradio's sign-in leaves in a browser."""
    user = {"name": name.title(), "preferred_username": name, "profile": f"https://hub/{name}", "picture": ""}
    session = {"oauth_info": {"userinfo": user, "access_token": "theirs", "expires_at": time.time() + expires_in}}
    key = hashlib.sha256(f"{secret}-v4".encode()).hexdigest()
    signed = TimestampSigner(key).sign(base64.b64encode(json.dumps(session).encode()))
    return {"session": signed.decode()}


def test_on_a_space_the_author_is_who_signed_in(space: FakeHub, scratch: Path) -> None:
    url = "hf://datasets/org/requests"
    assert door_to(url).by == "account"
    source = Source("hf://datasets/org/results", requests=url)
    source.refresh_requests()
    app = build(source)
    with TestClient(app, base_url="https://testserver") as stranger:
        assert stranger.get("/desk").json()["name"] is None
        status, html = sent(stranger, archive(), author="ada")
        assert (status, "Sign in with your account" in html) == (401, True)
        assert sent(stranger, archive(), send=False)[0] == 200
        for bad in (cookie("ada", expires_in=-1), cookie("ada", secret="guessed")):
            stranger.cookies = bad
            assert sent(stranger, archive())[0] == 401
        stranger.cookies = cookie("ada")
        assert stranger.get("/desk").json()["name"] == "ada"
        status, html = sent(stranger, archive(), author="eve")
        assert (status, "is queued as request" in html) == (200, True)
    (request,) = read_listing(open_store(url)).requests
    assert request.author == "ada"
    assert [seen.author for seen in source.snapshot().requests.listing.requests] == ["ada"]  # type: ignore[union-attr]


def test_a_hub_that_refuses_or_is_away_is_said(space: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "hf://datasets/org/requests"
    source = Source("hf://datasets/org/results", requests=url)
    source.refresh_requests()
    with TestClient(build(source), base_url="https://testserver", cookies=cookie("ada")) as client:
        monkeypatch.setenv("HF_TOKEN", "hf_reader")
        html = sent(client, archive())[1]
        assert "passes every rule, and was not queued" in html
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        html = sent(client, archive())[1]
        assert "passes every rule, and was not queued" in html
        assert "127.0.0.1:9" in html or "cannot be reached" in html
    assert read_listing(open_store(url)).requests == []


def test_a_space_says_what_it_lacks(space: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert "secret HF_TOKEN" in door_to("hf://datasets/org/requests").why
    monkeypatch.delenv("OAUTH_CLIENT_ID")
    assert "hf_oauth: true" in door_to("hf://datasets/org/requests").why
    assert "ends with it" in door_to("file:board").why
    monkeypatch.delenv("SYSTEM")
    assert "breadth submit FOLDER" in door_to("hf://datasets/org/requests").why
    assert door_to("file:board").by == "name"
    assert "no store" in door_to(None).why


def test_a_session_without_sign_in_is_nobody() -> None:
    assert account_of({}) is None
    assert account_of({"oauth_info": "odd"}) is None
    assert account_of({"oauth_info": {"userinfo": {}}}) is None
