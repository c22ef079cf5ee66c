"""The origin of a browser's request. Browsers send cookies unasked, so a cookie counts only from our own pages."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from aijobs.domain.errors import NotAllowed
from api.connections.cors import CODEC_PATHS

#: Methods that change nothing (RFC 9110, section 9.2.1).
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

#: `Sec-Fetch-Site` of our own pages, and of addresses that the user typed (W3C Fetch Metadata).
OWN_PAGE_SITES: Final = frozenset({"same-origin", "none"})


def is_our_page(connection: HTTPConnection, base_url: str) -> bool:
    """Whether the browser says that one of our own pages sent this. Without such a header the answer is no."""
    if site := connection.headers.get("Sec-Fetch-Site"):
        return site in OWN_PAGE_SITES
    origin = connection.headers.get("Origin")
    return origin is not None and _is_own(origin, connection, base_url)


def refuse_other_pages(connection: HTTPConnection, base_url: str) -> None:
    """For requests with a cookie. Raises NotAllowed for a change that another origin's page may have sent (CSRF).

    A WebSocket counts as a change: any page that may open it can read its messages (RFC 6455, section 10.2).
    """
    if connection.scope["type"] == "http" and connection.scope["method"] in SAFE:
        return
    if not is_our_page(connection, base_url):
        raise NotAllowed("With a cookie, only pages of the same origin may do this. Send `Origin` or a key.")


def is_of_web_ui(connection: HTTPConnection, origin: str | None) -> bool:
    """Whether a page of Temporal's Web UI, at this origin, asks the codec: it may do so with a cookie, and no more."""
    is_codec = connection.scope["type"] == "http" and connection.scope["path"].startswith(CODEC_PATHS)
    return is_codec and origin is not None and connection.headers.get("Origin") == origin


def refuse_foreign_origin(connection: HTTPConnection, base_url: str, allowed: Collection[str]) -> None:
    """For requests with a key or ticket. Raises NotAllowed for a page whose origin is neither ours nor in `allowed`."""
    origin = connection.headers.get("Origin")
    if origin is None or origin in allowed or _is_own(origin, connection, base_url):
        return
    raise NotAllowed("This origin is not among AIJOBS_API__ALLOWED_ORIGINS.")


def _is_own(origin: str, connection: HTTPConnection, base_url: str) -> bool:
    """The scheme may differ from ours: TLS often ends at a proxy."""
    if origin == _origin_of(base_url):
        return True
    scheme, _, host = origin.partition("://")
    return scheme in {"http", "https"} and host == connection.headers.get("Host")


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
