"""`breadth leaderboard` as somebody types it: it serves the page, or says in one sentence why not."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard.command import bound
from suite.commands.main import application
from suite.errors import StoreError, UsageError
from suite.extras import MissingExtra


def asked(*arguments: str) -> Exception | None:
    done = CliRunner().invoke(application(), ["leaderboard", "--no-open", *arguments])
    return done.exception if isinstance(done.exception, Exception) else None


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Cannot listen on 127.0.0.1, port {port}: .*--port"):
            bound("127.0.0.1", port)


def test_a_host_that_is_not_this_machine_is_named() -> None:
    with pytest.raises(UsageError, match=r"Cannot listen on 192\.0\.2\.1, port 0: .* Name an address of this machine"):
        bound("192.0.2.1", 0)


@pytest.mark.parametrize("store", ["ftp://x", "results", "hf://models/a/b"])
def test_an_unknown_store_is_an_error_of_the_command(store: str) -> None:
    error = asked("--store", store, "--port", "0")
    assert isinstance(error, StoreError)
    assert store in str(error)


def test_without_gradio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = asked("--port", "0")
    assert isinstance(error, MissingExtra)
    assert "pip install 'breadth[board]'" in str(error)


def test_it_serves_the_page_of_an_empty_store_until_it_is_stopped(tmp_path: Path) -> None:
    breadth = shutil.which("breadth", path=str(Path(sys.executable).parent))
    assert breadth is not None
    command = [breadth, "leaderboard", "--no-open", "--port", "0", "--store", f"file:{tmp_path / 'none'}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            lines = ""
            for line in server.stderr:
                lines += line
                if found := re.search(r"The page is at (http://localhost:\d+/)", line):
                    break
            else:
                pytest.fail(lines)
            assert "There is no folder" in lines
            address = found[1].replace("localhost", "127.0.0.1")
            for _ in range(100):
                try:
                    with urllib.request.urlopen(address, timeout=60) as page:
                        assert "holds no results" in page.read().decode()
                    break
                except ConnectionError:
                    continue
        finally:
            server.terminate()
        assert server.wait(timeout=60) in (0, -15)
