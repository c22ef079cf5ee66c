"""What a request asks for by its header `Accept`: a page for people, JSON for programs, or a stream of events."""

import re
from typing import Annotated, Final

from fastapi import Depends
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from api.auth.tickets import Follower
from api.connections.rate_limits.rate_limits import RateLimits

HTML: Final = "text/html"
EVENT_STREAM: Final = "text/event-stream"
JSON_TYPES: Final = ("application/json", "application/problem+json")
WEIGHT: Final = re.compile(r"[01](\.[0-9]{0,3})?")


def wants_page(headers: Headers) -> bool:
    """Whether the request asks for HTML by name, as browsers do where they show what they get (RFC 9110, 12.5.1)."""
    return _weight(headers, HTML) > max(0.0, *(_weight(headers, kind) for kind in JSON_TYPES))


def wants_json(headers: Headers) -> bool:
    """Whether the request asks for JSON by name, and would not rather have HTML."""
    wanted = max(_weight(headers, kind) for kind in JSON_TYPES)
    return wanted > 0 and wanted >= _weight(headers, HTML)


def _weight(headers: Headers, media_type: str) -> float:
    """0 for what is not named."""
    for part in ",".join(headers.getlist("Accept")).split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if kind == media_type:
            weights = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
            return float(weights[0]) if weights and WEIGHT.fullmatch(weights[0]) else 1.0
    return 0.0


async def _wants_page_of_events(connection: HTTPConnection, caller: Follower) -> bool:
    """Raises RateLimited: a page counts as whatever is read, and only streams have limits of their own."""
    accepted = connection.headers
    if not _weight(accepted, JSON_TYPES[0]) or _weight(accepted, EVENT_STREAM):
        return False
    limits: RateLimits = connection.app.state.rate_limits
    await limits.count_address(connection)
    await limits.count_caller(connection, key_id=caller.key_id, user=caller.visible_user)
    return True


#: Whether JSON is asked for by name, and no stream of events.
WantsPageOfEvents = Annotated[bool, Depends(_wants_page_of_events)]
