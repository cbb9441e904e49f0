"""A fake Hub on a loopback port: it speaks the Hub's HTTP to the real `huggingface_hub` client.

Repositories live in memory (`fake_repository`), misfortunes are asked for (`fake_faults`), what is answered to which
address stands in `fake_answers`. Nothing of it is part of Breadth.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hub import fake_spaces
from hub.fake_answers import ROUTES, Answer, Request, answer
from hub.fake_faults import Fault, Faults
from hub.fake_repository import HubRefusal, Repository


@dataclass(frozen=True)
class User:
    """Whose a token is."""

    name: str
    orgs: tuple[str, ...] = ()
    writes: bool = True
    role: str = ""
    """What `whoami` says of the token; by default `write` or `read`."""


class FakeHub:
    """The server with its state; use it as a context manager."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {
            "hf_worker": User("worker", ("org",)),
            "hf_stranger": User("stranger"),
            "hf_reader": User("reader", ("org",), writes=False),
        }
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.faults = Faults()
        self.routes = [*fake_spaces.ROUTES, *ROUTES]
        self.requests: list[str] = []
        """Every request so far, as `METHOD /path status`."""
        self.page_size = 1000
        """Entries on one page of a listing."""
        self.port = 0
        self._server: _Server | None = None

    def __enter__(self) -> FakeHub:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Answer on a free port, and after a stop again on the same one."""
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.hub = self
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop answering: connections are refused from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._server = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage(self) -> str:
        """Where large files are sent to and fetched from: another host name, as on the real Hub."""
        return f"http://localhost:{self.port}"

    def create(self, name: str = "org/results", *, kind: str = "datasets", private: bool = False) -> Repository:
        """Create a repository."""
        made = Repository(kind, name, "owner", private)
        self.repositories[kind, name] = made
        return made

    def fail(self, on: str, **how: Any) -> None:
        """Let the next request that matches `on` meet a fault; see `Fault`."""
        self.faults.add(Fault(on, **how))

    def asked(self, part: str) -> list[str]:
        """The requests so far that hold `part`."""
        return [request for request in self.requests if part in request]

    def environment(self, home: Path, token: str | None = "hf_worker") -> dict[str, str]:
        """The environment of a process whose client talks to this Hub, with an empty home of its own."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        own = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "BREADTH_HUB_TIMEOUT": "5",
        }
        return kept | own | ({"HF_TOKEN": token} if token else {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    hub: FakeHub

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, which outlives many requests."""
        self._open.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """Close every connection, as a machine that goes down does."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """Else every answer waits 40 ms: its body is held back until the client has confirmed its headers."""
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal: requests are kept in `FakeHub.requests`."""

    def _meet(self) -> None:
        hub = self.server.hub
        asked = f"{self.command} {urlsplit(self.path).path}"
        body = self._body()
        fault = hub.faults.take(asked)
        if fault is not None and fault.slow:
            time.sleep(fault.slow)
        if fault is None or fault.done or fault.status is None:
            found = self._answer(body)
        if fault is not None and fault.status is not None:
            headers = dict(fault.headers) | ({"X-Error-Code": fault.code} if fault.code else {})
            found = Answer.json({"error": fault.message}, fault.status, headers)
        hub.requests.append(f"{asked} {found.status}")
        self._send(found, None if fault is None else fault.cut)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _meet  # noqa: N815 - names the standard library asks for

    def _answer(self, body: bytes) -> Answer:
        hub = self.server.hub
        try:
            return answer(hub, Request(self.command, self.path, self.headers, body, self._user()))
        except HubRefusal as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            return Answer.json({"error": refusal.message}, refusal.status, headers)

    def _user(self) -> User | None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if token not in self.server.hub.users:
            raise HubRefusal(401, "", "Invalid credentials in Authorization header")
        return self.server.hub.users[token]

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, found: Answer, cut: int | None) -> None:
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.body[:cut])
        if cut is not None:
            self.close_connection = True
