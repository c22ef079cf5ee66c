"""Errors that browsers meet anywhere: the problem that a program would get, as a page."""

import json
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import MEDIA_TYPE
from api.requests.accepted import wants_page
from dashboard.page import error_page

#: Of a problem's response, what holds for its body alone.
OF_THE_BODY: Final = frozenset({"content-type", "content-length"})


class ErrorPages:
    """Turns the problem of whoever asks for HTML, by `Accept`, into a page; at every path, and before routing too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] != "HEAD" and wants_page(Headers(scope=scope)):
            send = _AsPage(scope, send)
        await self._app(scope, receive, send)


class _AsPage:
    """Keeps a problem back until it is complete. Other responses pass."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(self._start, json.loads(self._body))

    async def _send_page(self, start: Message, problem: dict[str, Any]) -> None:
        status = HTTPStatus(problem["status"])
        messages = [problem["detail"], *(f"{one['pointer']}: {one['message']}" for one in problem["errors"])]
        page = await error_page(Request(self._scope), status, messages, reference=problem["request_id"])
        kept = MutableHeaders(raw=list(page.raw_headers))
        for name, value in Headers(raw=start["headers"]).items():
            if name not in OF_THE_BODY:
                kept.setdefault(name, value)
        await self._send({**start, "headers": kept.raw})
        await self._send({"type": "http.response.body", "body": bytes(page.body)})


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("Content-Type", "").startswith(MEDIA_TYPE)
