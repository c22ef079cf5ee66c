"""Which pages of other origins may read our responses."""

from collections.abc import Collection
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.connections.middleware import REQUEST_ID

CODEC_PATHS: Final = "/codec/"  #: what begins so is for Temporal's Web UI


def with_cors(app: ASGIApp, origins: Collection[str], *, web_ui: str | None) -> ASGIApp:
    """Allows CORS for these origins, if any, with a key, a token or a ticket, but without cookies.

    `web_ui`, the origin of Temporal's Web UI, may read the codec alone, and nobody else that; also with the cookie of a
    session, as a browser sends it to a host of the same site.
    """
    return _ByPath(_allowing(app, origins), codec=_allowing_web_ui(app, web_ui))


def _allowing(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=tuple(origins),
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "Aijobs-User", "Last-Event-ID", REQUEST_ID),
        expose_headers=(REQUEST_ID, "Location", "Retry-After", "RateLimit", "RateLimit-Policy"),
    )


def _allowing_web_ui(app: ASGIApp, origin: str | None) -> ASGIApp:
    if origin is None:
        return app
    return CORSMiddleware(
        app,
        allow_origins=(origin,),
        allow_methods=("POST",),
        allow_headers=("Authorization", "Content-Type", "X-Namespace"),
        allow_credentials=True,
    )


class _ByPath:
    def __init__(self, app: ASGIApp, *, codec: ASGIApp) -> None:
        self._app = app
        self._codec = codec

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_codec = scope["type"] == "http" and scope["path"].startswith(CODEC_PATHS)
        await (self._codec if is_codec else self._app)(scope, receive, send)
