"""The page's own server on a loopback port, in a thread of the test: what a browser of the test opens."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import uvicorn

from leaderboard.app import build
from leaderboard.source import Source

PATIENCE = 60.0
"""Seconds that a busy machine may take to start a server or to read a store."""
COMMAND = "import sys; from suite.commands.main import run; sys.argv[0] = 'breadth'; run()"


class Served:
    """The page of a store (and of one of requests), looked at every `seconds`; a context manager."""

    def __init__(self, url: str, *, requests: str | None = None, seconds: float = 3600.0):
        self.source = Source(url, requests=requests, seconds=seconds)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        settings = uvicorn.Config(build(self.source), log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],), daemon=True)

    def __enter__(self) -> Served:
        self.source.start()
        self._thread.start()
        ends = time.monotonic() + PATIENCE
        while not self._server.started:
            if time.monotonic() > ends or not self._thread.is_alive():
                raise TimeoutError(f"the page did not start within {PATIENCE:g} s")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self.source.stop()
        self._listening.close()

    def at(self, query: str = "") -> str:
        """The URL of a view."""
        return f"{self.address}?{query}" if query else self.address


@contextmanager
def commanded(url: str) -> Iterator[tuple[str, int]]:
    """`breadth leaderboard` of a store, as a terminal runs it: its address, once it answers, and its process."""
    words = [sys.executable, "-c", COMMAND, "leaderboard", "--no-open", "--port", "0", "--store", url]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"http://localhost:(\d+)/", line):
                    _until_it_answers(int(found[1]))
                    yield f"http://127.0.0.1:{found[1]}/", process.pid
                    break
            else:
                raise AssertionError(f"the command ended: {''.join(said)}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def _until_it_answers(port: int) -> None:
    """The socket is bound before the application is there; the first answer waits for that."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as asking:
        asking.settimeout(PATIENCE)
        asking.sendall(b"GET /config HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        if not asking.recv(1):
            raise AssertionError("the command does not answer")
