"""One line in the log for each request, and its measurement.

A line names the route and not the path, which may carry a token or a signature, and no query. Health checks, scrapes
and the dashboard's own files leave no line.
"""

import re
import time
from collections.abc import Callable
from typing import Final

import structlog
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.connections.middleware import HEALTH_PATHS, request_id_of

UNKNOWN_ROUTE: Final = "unknown"
QUIET_ROUTES: Final = frozenset({"/static/{path:path}"})  #: without a line: the dashboard's own files
CALLER: Final = "aijobs.key_id"
"""Key in the scope of a request: the id of the key with which it was made, once that is known."""

ObserveRequest = Callable[[str, str, int, float], None]
"""Hears the method, the route, the status, and how many seconds the response took to begin."""

_CODE: Final = re.compile(r"[a-z]+_[0-9A-Z]{26}")

#: Where traces are kept, each request is a span, and nothing more: its values and errors would be told otherwise.
TELEMETRY: Final[TelemetryConfig] = {
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
    "exclude": lambda scope: scope.get("raw_path") in HEALTH_PATHS or str(scope.get("path")).startswith("/static/"),
}

log = structlog.get_logger()


class AccessLog:
    """A middleware, outside of all others: what they refuse is logged too."""

    def __init__(self, app: ASGIApp, *, observe: ObserveRequest, writes: bool) -> None:
        """`writes`: whether there is a line in the log."""
        self._app = app
        self._observe = observe
        self._writes = writes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, begun_after, status = time.perf_counter(), None, 0

        async def send_and_look(message: Message) -> None:
            nonlocal begun_after, status
            if message["type"] == "http.response.start":
                begun_after, status = time.perf_counter() - began, message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            if begun_after is not None:  # else the client has gone
                self._report(scope, status, begun_after, time.perf_counter() - began)

    def _report(self, scope: Scope, status: int, begun_after: float, seconds: float) -> None:
        route = route_of(scope)
        self._observe(scope["method"], route, status, begun_after)
        if not self._writes or scope["raw_path"] in HEALTH_PATHS or route in QUIET_ROUTES:
            return
        code = str(scope.get("path_params", {}).get("code", ""))
        named = "job" if code.startswith("job_") else "code"
        known = {"key": scope.get(CALLER), named: code if _CODE.fullmatch(code) else None}
        log.info(
            "request",
            method=scope["method"],
            route=route,
            status=int(status),
            ms=round(seconds * 1000, 1),
            request=request_id_of(scope),
            **{name: value for name, value in known.items() if value},
        )


def route_of(scope: Scope) -> str:
    """The template of the path, as `/api/jobs/{code}`. Paths that nobody serves share one word."""
    return getattr(scope.get("route"), "path", None) or UNKNOWN_ROUTE
