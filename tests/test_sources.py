"""Public files: local copies, downloads from a real server on loopback, and everything that can go wrong."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from suite.errors import StorageError
from suite.home import cache_folder
from suite.sources import fetch
from suite.track import Source

CONTENT = b'{"question": "2 + 2"}\n' * 50_000
SHA = hashlib.sha256(CONTENT).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        body = gzip.compress(CONTENT) if self.path.endswith(".gz") else CONTENT
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path.startswith("/cut") else body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """The address of a server and the list of paths asked of it; no BREADTH_DATA."""
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    asked: list[str] = []
    handler = type("Handler", (_Handler,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}", asked
        http.shutdown()
        thread.join()


def leftovers() -> list[Path]:
    return [path for path in cache_folder().rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("path", ["/whole", "/whole.jsonl.gz", "/moved"])
def test_download_is_checked_kept_and_not_repeated(server: tuple[str, list[str]], path: str) -> None:
    address, asked = server
    source = Source(local="evals/set.jsonl.gz", url=address + path, sha256=SHA)
    said: list[str] = []
    steps: list[tuple[int, int]] = []
    found = fetch(source, notify=said.append, progress=lambda done, total: steps.append((done, total)))
    assert found.name == "set.jsonl"
    assert found.read_bytes() == CONTENT
    assert address in said[0]
    assert steps[-1][0] == steps[-1][1] > 0
    count = len(asked)
    assert fetch(source, notify=said.append) == found
    assert len(asked) == count
    assert len(said) == 1


def test_a_damaged_cached_copy_is_fetched_again(server: tuple[str, list[str]]) -> None:
    address, _ = server
    source = Source(local="set.jsonl", url=address + "/whole", sha256=SHA)
    path = fetch(source, notify=lambda message: None)
    path.write_bytes(CONTENT[:100])
    said: list[str] = []
    assert fetch(source, notify=said.append).read_bytes() == CONTENT
    assert "damaged" in said[0]


@pytest.mark.parametrize(
    ("path", "sha256", "message"),
    [
        ("/whole", "0" * 64, f"sha256 {SHA}, stated is {'0' * 64}"),
        ("/cut", SHA, "failed"),
        ("/cut.gz", SHA, "failed"),
        ("/missing", SHA, "404"),
    ],
)
def test_a_wrong_download_is_one_error_and_leaves_nothing(
    server: tuple[str, list[str]], path: str, sha256: str, message: str
) -> None:
    address, _ = server
    with pytest.raises(StorageError, match=message) as caught:
        fetch(Source(local="set.jsonl", url=address + path, sha256=sha256), notify=lambda message: None)
    assert address in str(caught.value)
    assert leftovers() == []


def test_offline_and_nowhere_are_one_error_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    # Port 9 (discard) of loopback refuses connections.
    with pytest.raises(StorageError, match=r"BREADTH_DATA is not set.*127\.0\.0\.1:9"):
        fetch(Source(local="set.jsonl", url="http://127.0.0.1:9/set.jsonl"), notify=lambda message: None)
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    with pytest.raises(StorageError, match=r"set\.jsonl is not in BREADTH_DATA"):
        fetch(Source(local="set.jsonl"), notify=lambda message: None)
    assert leftovers() == []


@pytest.mark.parametrize("stated", ["set.jsonl", "set.jsonl.gz"])
@pytest.mark.parametrize("present", ["set.jsonl", "set.jsonl.gz"])
def test_local_copy_is_taken_compressed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: str, present: str
) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    (tmp_path / present).write_bytes(gzip.compress(CONTENT) if present.endswith(".gz") else CONTENT)
    found = fetch(Source(local=stated, sha256=SHA), notify=lambda message: None)
    assert found.name == "set.jsonl"
    assert found.read_bytes() == CONTENT


def test_a_wrong_or_broken_local_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    (tmp_path / "set.jsonl").write_bytes(CONTENT[:-1])
    with pytest.raises(StorageError, match=f"stated is {SHA}"):
        fetch(Source(local="set.jsonl", sha256=SHA), notify=lambda message: None)
    (tmp_path / "other.jsonl.gz").write_bytes(gzip.compress(CONTENT)[:-20])
    with pytest.raises(StorageError, match="no whole gzip"):
        fetch(Source(local="other.jsonl", sha256=SHA), notify=lambda message: None)
    assert leftovers() == []
