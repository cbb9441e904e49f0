"""The desk of the Submit tab: takes archives in, has them checked by a process of their own, and says what came of it.

What is sent is held in memory, bounded in size, and kept nowhere but in the store of requests once it has passed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from anyio import to_thread
from starlette.responses import JSONResponse

from leaderboard.answers import Answer, answer_to
from leaderboard.checking import Order
from leaderboard.checking import main as checking
from leaderboard.render import render_answer
from suite.errors import BreadthError, UsageError
from suite.intake.archive import LARGEST_ARCHIVE
from suite.intake.identity import checked_name
from suite.report.blocks import Paragraph

if TYPE_CHECKING:
    from starlette.requests import Request

    from leaderboard.snapshot import Snapshot
    from leaderboard.source import Source

HEADER = "x-breadth"
"""Only a script of the page itself can set it: a form of another site that is sent here lacks it."""
UPLOAD_SECONDS = 120.0
CHECK_SECONDS = 240.0
AT_ONCE = 1
"""Checks that run at the same time, for a board's machine may have two cores."""
MOST_WAITING = 6
"""Uploads that are held at the same time, 16 MiB each at most; whoever comes then is asked to come again."""


@dataclass(frozen=True)
class Door:
    """Who may submit here: whoever gives a `name`, who signed in with an `account` of the Hub, or nobody (`why`)."""

    by: Literal["name", "account", ""]
    why: str = ""


class Refused(BreadthError):  # noqa: N818 - an answer to whoever sent something
    """Why nothing was done, in one sentence, with the HTTP status that says the same."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


def door_to(requests: str | None) -> Door:
    """How one comes in to the requests at a URL, from this machine."""
    from gradio.utils import get_space
    from huggingface_hub import get_token

    if not requests:
        return Door("", "This page was given no store of requests.")
    if get_space() is None:
        if requests.startswith("file:"):
            return Door("name")
        send = f"`breadth submit FOLDER --requests {requests}`"
        return Door("", f"Requests of this board are made under an account of the Hub: send yours with {send}.")
    if not requests.startswith("hf:"):
        return Door("", "This Space's requests are in a folder that ends with it, so it takes none.")
    if not os.environ.get("OAUTH_CLIENT_ID"):
        return Door("", "This Space has no sign-in: its README must say `hf_oauth: true`. Use `breadth submit`.")
    if get_token() is None:
        missing = f"This Space may not write to {requests}: its maintainers have to add the secret HF_TOKEN."
        return Door("", f"{missing} Use `breadth submit`.")
    return Door("account")


class Desk:
    """Takes what is sent to the page of a source; safe for any number of senders at once."""

    def __init__(self, source: Source, door: Door):
        self.source, self.door = source, door
        self._held = 0
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def who(self, request: Request) -> JSONResponse:
        """`/desk`: how one submits here, and who the reader is as far as that is known."""
        said = {"by": self.door.by, "why": self.door.why, "name": self._account(request), "largest": LARGEST_ARCHIVE}
        return JSONResponse(said, headers={"Cache-Control": "no-store"})

    async def submission(self, request: Request) -> JSONResponse:
        """`/submission?send=yes&author=NAME` with an archive as its body: what came of it, as HTML."""
        try:
            answer = await self._submission(request)
        except Refused as error:
            answer = Answer(error.status, (Paragraph(str(error), "lead"),))
        html = await to_thread.run_sync(render_answer, answer.blocks)
        return JSONResponse({"html": html, "passed": answer.passed}, answer.status, {"Cache-Control": "no-store"})

    async def _submission(self, request: Request) -> Answer:
        if request.headers.get(HEADER) != "submission":
            raise Refused(403, "Submissions are sent from the Submit tab of this page, or with `breadth submit`.")
        order = self._order(request)
        if self._held >= MOST_WAITING:
            raise Refused(503, "Many submissions are being checked just now. Try again in a minute.")
        # Nothing is awaited between the question and here: no more than so many are ever held.
        self._held += 1
        try:
            archive = await _body(request)
            async with self._turn:
                return await to_thread.run_sync(self._carry_out, order, archive)
        finally:
            self._held -= 1

    def _order(self, request: Request) -> Order:
        """What is asked for, and by whom. Raises Refused."""
        send = request.query_params.get("send") == "yes"
        snapshot = self.source.snapshot()
        if snapshot.requests is None or (send and not self.door.by):
            raise Refused(403, self.door.why)
        author = None
        if self.door.by == "account":
            author = self._account(request)
            if send and author is None:
                raise Refused(401, "Sign in with your account of the Hub first: a request is its author's.")
        elif self.door.by == "name":
            author = request.query_params.get("author", "").strip() or None
            if send and author is None:
                raise Refused(400, "Say your name first: a request is its author's.")
        try:
            author = checked_name(author) if author is not None else None
        except UsageError as error:
            raise Refused(400, str(error)) from error
        return Order(snapshot.requests.url, author, send, built_in(snapshot))

    def _account(self, request: Request) -> str | None:
        """The signed-in reader's name on the Hub; None where nobody is signed in, or may be."""
        # Reading a session that nothing keeps is an error of Starlette's.
        if self.door.by != "account" or "session" not in request.scope:
            return None
        return account_of(request.session)

    def _carry_out(self, order: Order, archive: bytes) -> Answer:
        said = asked(order, archive)
        if "request" in said:
            self.source.refresh_requests()
        return answer_to(said, order, self.source.snapshot())


def account_of(session: Mapping[str, Any]) -> str | None:
    """The name of the account in a session that Gradio's sign-in made, unless it has expired."""
    import gradio as gr

    info = session.get("oauth_info")
    if not isinstance(info, dict) or float(info.get("expires_at") or 0) < time.time():
        return None
    return gr.OAuthProfile(info["userinfo"]).username


def built_in(snapshot: Snapshot) -> tuple[str, ...]:
    """Names of the strategies that come with Breadth, as far as the board has rows of them: a Space has no others."""
    tables = (table for data in snapshot.tracks.values() for table in data.board.tables)
    names = {row.strategy for table in tables for row in table.rows if row.kind == "built-in"}
    return tuple(sorted(names))


async def _body(request: Request) -> bytes:
    """The body, when it is no larger than an archive may be and arrives in time. Raises Refused."""
    large = f"An archive has at most {LARGEST_ARCHIVE >> 20} MiB, and this is larger."
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and announced.isascii() and int(announced[:20]) > LARGEST_ARCHIVE:
        raise Refused(413, large)
    body = bytearray()
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_ARCHIVE:
                    raise Refused(413, large)
    except TimeoutError:
        raise Refused(408, f"The archive did not arrive within {UPLOAD_SECONDS:.0f} s. Send it again.") from None
    if not body:
        raise Refused(400, "Nothing was sent. Choose an archive, or the files of a submission.")
    return bytes(body)


def asked(order: Order, archive: bytes) -> dict[str, Any]:
    """What the process says that checks an archive; `error` where it came to no end."""
    root = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    # Libraries that make a thread for every core would take their share of the memory for each.
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # With -m Python looks for modules where it is started: in a folder of its own, which stays empty.
    with tempfile.TemporaryDirectory(prefix="breadth-check-") as place:
        try:
            done = subprocess.run(
                [sys.executable, "-m", checking.__module__],
                input=order.with_archive(archive),
                capture_output=True,
                cwd=place,
                env=environment,
                timeout=CHECK_SECONDS,
            )
        except subprocess.TimeoutExpired:
            ended = f"It took longer than {CHECK_SECONDS:.0f} s, and was ended."
            return {"error": f"{ended} Look whether it is in the queue before you send it again."}
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        # Killed for its limits, or by the machine: whoever runs the page finds the rest in its log.
        sys.stderr.write(done.stderr.decode("utf-8", "replace")[-2000:])
        ended = f"It did not come to its end (exit status {done.returncode})."
        return {"error": f"{ended} Look whether it is in the queue before you send it again."}
    return said
