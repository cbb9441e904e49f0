"""The page's own server on a loopback port, in a thread of the test: what a browser of the test opens."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

import uvicorn

from leaderboard.app import build
from leaderboard.source import Source

PATIENCE = 60.0
"""Seconds that a busy machine may take to start a server or to read a store."""


class Served:
    """The page of a store, looked at every `seconds`; a context manager."""

    def __init__(self, url: str, *, seconds: float = 3600.0):
        self.source = Source(url, seconds=seconds)
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
