"""The address that a connection comes from itself, whatever a proxy says of others."""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

_PEER: Final = "aijobs.peer"


class PeerAddress:
    """Notes the address of the connection, before `X-Forwarded-For` takes its place in `client`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        scope[_PEER] = client[0] if client else None
        await self._app(scope, receive, send)


def peer_of(connection: HTTPConnection) -> str | None:
    """None where it is not known, as over a Unix socket."""
    peer: str | None = connection.scope.get(_PEER)
    return peer
