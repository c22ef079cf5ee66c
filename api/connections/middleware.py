"""What surrounds every request: its id, the host that it may be for, the limits on its body, every answer's headers."""

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aijobs.domain.values.ids import new_id
from api.connections.allowed_hosts import AllowedHosts, host_in
from api.connections.deadlines import CLIENT_LIMITS, ClientLimits

REQUEST_ID: Final = "X-Request-Id"

#: On every answer that does not say otherwise itself.
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

#: Answered whatever happens, and whatever host they are asked of.
HEALTH_PATHS: Final = frozenset({b"/healthz", b"/readyz", b"/metrics"})

FULL: Final = "aijobs.full"
"""In the state of a request that the server has no ordinary place for."""

FULL_DETAIL: Final = "There are as many connections as this process takes."
RETRY_AFTER_SECONDS: Final = 5

LIMITS: Final = "aijobs.limits"
"""In the state of a request: what its client may take."""

_IN_SCOPE: Final = "aijobs.request_id"
_CALLERS_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def request_id_of(scope: Scope) -> str:
    """The caller's own id of the request, where it has a decent one, else ours."""
    found: str = scope[_IN_SCOPE]
    return found


def with_new_id(scope: Scope) -> Scope:
    """The same scope, with an id of ours."""
    scope[_IN_SCOPE] = new_id("req")
    return scope


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


class Refusal(Protocol):
    """Makes the answer to a request that no route sees."""

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
    """The outermost layer, so that also an answer to an unexpected error has its headers.

    `body_limits` are bytes by path; a path that ends with a slash stands for everything below it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: AllowedHosts,
        refusal: Refusal,
        body_limit: int,
        body_limits: Mapping[str, int],
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._refusal = refusal
        self._body_limit = body_limit
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        app = self._refused(scope) or self._app
        if scope["type"] == "websocket":
            await app(scope, receive, send)
            return
        body = _LimitedBody(scope, receive, self._limit_for(scope["path"]))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                body.is_answered = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, body, send_with_headers)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        """The answer to what no route needs to see."""
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
        if _CALLERS_ID.fullmatch(sent):
            scope[_IN_SCOPE] = sent
        return request_id_of(scope if _IN_SCOPE in scope else with_new_id(scope))

    def _limit_for(self, path: str) -> int:
        for prefix, limit in self._body_limits.items():
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                return limit
        return self._body_limit


class _LimitedBody:
    """Counts what comes in, whatever Content-Length says, and how long whoever reads it has waited for it."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._clock: ClientLimits = scope.get("state", {}).get(LIMITS, CLIENT_LIMITS)
        announced = Headers(scope=scope).get("Content-Length", "")
        self._size = 0
        self._waited = 0.0
        self._is_whole = False
        self._too_large = announced.isdecimal() and int(announced[:20]) > limit
        self.is_answered = False

    async def __call__(self) -> Message:
        if self._too_large:
            raise self._too_large_error()
        message: dict[str, Any] = dict(await (self._receive() if self._is_whole else self._received_in_time()))
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._size > self._limit:
            raise self._too_large_error()
        return message

    async def _received_in_time(self) -> Message:
        """Raises HTTPException when nothing comes, or not enough. Whose answer has begun just hears no more."""
        allowed = self._clock.body.total_seconds() + self._size / self._clock.body_rate - self._waited
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(allowed, self._clock.body_idle.total_seconds())):
                return await self._receive()
        except TimeoutError:
            if self.is_answered:
                return {"type": "http.disconnect"}
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "The body did not come.") from None
        finally:
            self._waited += time.monotonic() - began

    def _too_large_error(self) -> HTTPException:
        return HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than the {self._limit} bytes that we take here."
        )
