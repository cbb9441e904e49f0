"""The first screen within the first answer: the page can be read before any script has run, and without one."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any

from suite.figures.export import script_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_ABOUT_GRADIO = re.compile(rb"<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>\s*")
"""What Gradio's page says of itself to those that make previews of links, a picture of another machine's included."""


class FirstScreen:
    """Middleware that writes the view of the address into Gradio's page, which would draw it seconds later.

    `answer` gives the view of a query, `head` is HTML for the page's head: Gradio would add it when it has started.
    """

    def __init__(self, app: Any, answer: Callable[[str], dict[str, Any]], head: str):
        self.app = app
        self.answer = answer
        self.head = head

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
            if message["type"] != "http.response.body":
                await send(message)
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
        head_ends, body_begins = page.find(b"</head>"), page.find(b"<body")
        begins = page.find(b">", body_begins) + 1
        known = -1 not in (head_ends, body_begins) and begins > 0
        if not known or begun["status"] != 200 or not any(b"html" in kind for kind in kinds):
            return page
        payload = await to_thread.run_sync(self.answer, scope.get("query_string", b"").decode("latin-1"))
        title = escape(payload["title"])
        head = f'<title>{title}</title><meta property="og:title" content="{title}">{self.head}'
        early = (
            f'<div id="breadth-early"><div class="breadth" data-part="head">{payload["head"]}</div>'
            f'<div class="controls-room"></div>'
            f'<div class="breadth" data-part="body">{payload["body"]}</div></div>'
            '<script type="application/json" id="breadth-payload">'
            f"{script_json({key: payload[key] for key in ('query', 'title', 'figures')})}</script>"
        )
        above = _ABOUT_GRADIO.sub(b"", page[:head_ends])
        return b"".join([above, head.encode(), page[head_ends:begins], early.encode(), page[begins:]])
