"""The first screen within the first answer: the page can be read before any script has run, and without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from suite.figures.export import script_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MARK = b"<body"


class FirstScreen:
    """Middleware that writes the view of the address into Gradio's page, which would draw it seconds later."""

    def __init__(self, app: Any, answer: Callable[[str], dict[str, Any]]):
        self.app = app
        self.answer = answer

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass everything on; change the body of the page itself alone."""
        if scope["type"] != "http" or scope["path"] not in ("", "/") or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        # The page must not come compressed, or nothing can be written into it.
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        begun: Message = {}
        body = bytearray()

        async def held(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            written = await self._with_view(bytes(body), scope, begun)
            headers = [(name, value) for name, value in begun["headers"] if name != b"content-length"]
            headers.append((b"content-length", str(len(written)).encode()))
            await send({**begun, "headers": headers})
            await send({"type": "http.response.body", "body": written})

        await self.app({**scope, "headers": plain}, receive, held)

    async def _with_view(self, page: bytes, scope: MutableMapping[str, Any], begun: Message) -> bytes:
        from anyio import to_thread

        kinds = [value for name, value in begun["headers"] if name == b"content-type"]
        at = page.find(b">", page.find(MARK)) + 1 if MARK in page else 0
        if not at or begun["status"] != 200 or not any(b"html" in kind for kind in kinds):
            return page
        query = scope.get("query_string", b"").decode("latin-1")
        payload = await to_thread.run_sync(self.answer, query)
        early = (
            f'<div id="breadth-early"><div class="breadth" data-part="head">{payload["head"]}</div>'
            f'<div class="controls-room"></div>'
            f'<div class="breadth" data-part="body">{payload["body"]}</div></div>'
            '<script type="application/json" id="breadth-payload">'
            f"{script_json({key: payload[key] for key in ('query', 'title', 'figures')})}</script>"
        )
        return page[:at] + early.encode() + page[at:]
