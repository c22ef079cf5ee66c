"""What surrounds every request: its id, the limit on its body, and the headers of every answer."""

import re
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aijobs.domain.values.ids import new_id

REQUEST_ID: Final = "X-Request-Id"

#: On every answer that does not say otherwise itself.
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

_IN_SCOPE: Final = "aijobs.request_id"
_CALLERS_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def request_id_of(scope: Scope) -> str:
    """The caller's own id of the request, where it has a decent one, else ours."""
    found: str = scope[_IN_SCOPE]
    return found


def with_cors(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Lets pages of other origins call, if there are any, with a key, a token or a ticket. Cookies never cross."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=tuple(origins),
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "Aijobs-User", "Last-Event-ID", REQUEST_ID),
        expose_headers=(REQUEST_ID, "Location", "Retry-After"),
    )


class ApiMiddleware:
    """The outermost layer, so that also an answer to an unexpected error has its headers.

    `body_limits` are bytes by path; a path that ends with a slash stands for everything below it.
    """

    def __init__(self, app: ASGIApp, *, body_limit: int, body_limits: Mapping[str, int]) -> None:
        self._app = app
        self._body_limit = body_limit
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        limited = _LimitedBody(scope, receive, self._limit_for(scope["path"]))
        await self._app(scope, limited, send_with_headers)

    def _request_id(self, scope: Scope) -> str:
        sent = Headers(scope=scope).get(REQUEST_ID, "")
        scope[_IN_SCOPE] = sent if _CALLERS_ID.fullmatch(sent) else new_id("req")
        return request_id_of(scope)

    def _limit_for(self, path: str) -> int:
        for prefix, limit in self._body_limits.items():
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                return limit
        return self._body_limit


class _LimitedBody:
    """Counts what comes in, whatever Content-Length says."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        announced = Headers(scope=scope).get("Content-Length", "")
        self._size = 0
        self._too_large = announced.isdecimal() and int(announced[:20]) > limit

    async def __call__(self) -> Message:
        if self._too_large:
            raise self._refusal()
        message: dict[str, Any] = dict(await self._receive())
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            raise self._refusal()
        return message

    def _refusal(self) -> HTTPException:
        return HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than the {self._limit} bytes that we take here."
        )
