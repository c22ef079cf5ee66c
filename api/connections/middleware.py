"""The outermost middleware: request ids, allowed hosts, limits on bodies, and the headers of every response."""

import asyncio
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aijobs.domain.values.audit import ActorKind, Origin, acts_from
from aijobs.domain.values.ids import new_id
from api.connections.allowed_hosts import AllowedHosts, host_in
from api.connections.deadlines import CLIENT_LIMITS, ClientLimits, spread
from api.connections.shutdown_notice import ShutdownNotice

REQUEST_ID: Final = "X-Request-Id"

#: Default headers of every response.
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}

#: Besides them, when the public URL is HTTPS: browsers come by HTTPS for a year, whatever a link says.
TLS_HEADERS: Final[Mapping[str, str]] = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}

#: Answered for any host, and also when the server is full.
HEALTH_PATHS: Final = frozenset({b"/healthz", b"/readyz", b"/metrics"})

FULL: Final = "aijobs.full"
"""Key in the state of a request: the server has no ordinary slot for its connection."""

FULL_DETAIL: Final = "There are as many connections as this process takes."
RETRY_AFTER_SECONDS: Final = 5

RATE_LIMIT_HEADERS: Final = "aijobs.rate_limit_headers"
"""Key in the scope of a request: the headers that say how many more there may be."""

LIMITS: Final = "aijobs.limits"
"""Key in the state of a request: the limits of its connection."""

_IN_SCOPE: Final = "aijobs.request_id"
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def request_id_of(scope: Scope) -> str:
    """The client's id of the request when it is valid, else ours."""
    request_id: str = scope[_IN_SCOPE]
    return request_id


def with_new_id(scope: Scope) -> Scope:
    """The same scope, with a new request id."""
    scope[_IN_SCOPE] = new_id("req")
    return scope


class Refusal(Protocol):
    """Makes the response to a request that is refused before routing."""

    def __call__(
        self,
        scope: Scope,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ASGIApp: ...


class ApiMiddleware:
    """The outermost middleware, so that also the response to an unexpected error has its headers.

    `body_limits` are bytes by path; a path that ends with a slash stands for everything below it. `is_behind_tls`: the
    public URL is HTTPS. After the notice of a shutdown, each response closes its connection.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: AllowedHosts,
        refusal: Refusal,
        shutdown: ShutdownNotice,
        body_limit: int,
        body_limits: Mapping[str, int],
        is_behind_tls: bool = False,
    ) -> None:
        self._app = app
        self._headers = {**HEADERS, **TLS_HEADERS} if is_behind_tls else HEADERS
        self._hosts = hosts
        self._refusal = refusal
        self._shutdown = shutdown
        self._body_limit = body_limit
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        structlog.contextvars.bind_contextvars(request=request_id)
        address = (scope.get("client") or [None])[0]
        acts_from(Origin(kind=ActorKind.NOBODY, actor="", address=address, request_id=request_id))
        app = self._refusal_of(scope) or self._app
        if scope["type"] == "websocket":
            await app(scope, receive, send)
            return
        body = _LimitedBody(scope, receive, self._limit_for(scope["path"]))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                body.response_started = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                if self._shutdown.is_given:
                    headers["Connection"] = "close"
                headers.update(scope.get(RATE_LIMIT_HEADERS, {}))
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, body, send_with_headers)

    def _refusal_of(self, scope: Scope) -> ASGIApp | None:
        """The response when the request is refused before routing, else None."""
        if scope["raw_path"] in HEALTH_PATHS:
            return None
        if scope.get("state", {}).get(FULL):
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return self._refusal(scope, HTTPStatus.SERVICE_UNAVAILABLE, FULL_DETAIL, code="too_busy", headers=headers)
        if "\0" in scope["path"]:
            return self._refusal(scope, HTTPStatus.NOT_FOUND, "Not Found")
        sent = Headers(scope=scope).getlist("Host")
        if len(sent) != 1 or (host := host_in(sent[0])) is None:
            return self._refusal(scope, HTTPStatus.BAD_REQUEST, "Send the header Host once, with the name of a host.")
        if not self._hosts.has(host):
            return self._refusal(scope, HTTPStatus.MISDIRECTED_REQUEST, "This is not one of our hosts.")
        return None

    def _request_id(self, scope: Scope) -> str:
        sent = Headers(scope=scope).get(REQUEST_ID, "")
        if _VALID_ID.fullmatch(sent):
            scope[_IN_SCOPE] = sent
        return request_id_of(scope if _IN_SCOPE in scope else with_new_id(scope))

    def _limit_for(self, path: str) -> int:
        for prefix, limit in self._body_limits.items():
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                return limit
        return self._body_limit


class _LimitedBody:
    """Limits a request body's size, whatever Content-Length says, and the time for which its reader waits."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._limits: ClientLimits = scope.get("state", {}).get(LIMITS, CLIENT_LIMITS)
        declared = Headers(scope=scope).get("Content-Length", "")
        self._size = 0
        self._waited = 0.0
        self._is_complete = False
        self._too_large = declared.isdecimal() and int(declared[:20]) > limit
        self.response_started = False

    async def __call__(self) -> Message:
        if self._too_large:
            raise self._too_large_error()
        message: dict[str, Any] = dict(await (self._receive() if self._is_complete else self._receive_in_time()))
        self._size += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._size > self._limit:
            raise self._too_large_error()
        return message

    async def _receive_in_time(self) -> Message:
        """Raises HTTPException 408 when the body comes too slowly; after the response began, returns a disconnect."""
        timeout = self._limits.body.total_seconds() + self._size / self._limits.body_rate - self._waited
        started = time.monotonic()
        try:
            async with asyncio.timeout(spread(min(timeout, self._limits.body_idle.total_seconds()))):
                return await self._receive()
        except TimeoutError:
            if self.response_started:
                return {"type": "http.disconnect"}
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "The body did not come.") from None
        finally:
            self._waited += time.monotonic() - started

    def _too_large_error(self) -> HTTPException:
        return HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than the {self._limit} bytes that we take here."
        )
