"""Where a browser's request comes from. A cookie is sent by itself, so it counts only on requests of our own pages."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from aijobs.domain.errors import NotAllowed

#: Methods that change nothing (RFC 9110, section 9.2.1).
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

#: What `Sec-Fetch-Site` says of our own pages, and of addresses that the user typed (W3C Fetch Metadata).
OURS: Final = frozenset({"same-origin", "none"})


def is_our_page(connection: HTTPConnection, base_url: str) -> bool:
    """Whether the browser says that one of our own pages asks. A request that says nothing of it is not ours."""
    if site := connection.headers.get("Sec-Fetch-Site"):
        return site in OURS
    origin = connection.headers.get("Origin")
    return origin is not None and _is_own(origin, connection, base_url)


def refuse_other_pages(connection: HTTPConnection, base_url: str) -> None:
    """For what a cookie allows. Raises NotAllowed when it changes something and another page may have asked for it.

    A WebSocket counts as a change: its answers can be read by any page that may open it (RFC 6455, section 10.2).
    """
    if connection.scope["type"] == "http" and connection.scope["method"] in SAFE:
        return
    if not is_our_page(connection, base_url):
        raise NotAllowed("With a cookie, only pages of the same origin may do this. Send `Origin` or a key.")


def refuse_foreign_origin(connection: HTTPConnection, base_url: str, allowed: Collection[str]) -> None:
    """For what carries its own proof. Raises NotAllowed when a page asks that is neither ours nor listed."""
    origin = connection.headers.get("Origin")
    if origin is None or origin in allowed or _is_own(origin, connection, base_url):
        return
    raise NotAllowed("This origin is not among AIJOBS_API__ALLOWED_ORIGINS.")


def _is_own(origin: str, connection: HTTPConnection, base_url: str) -> bool:
    """The scheme may differ from what we see: TLS often ends before us."""
    if origin == _origin_of(base_url):
        return True
    parsed = urlsplit(origin)
    return parsed.scheme in {"http", "https"} and parsed.netloc == connection.headers.get("Host")


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
