"""Checks of the server's response to a download."""

from datetime import timedelta
from typing import Final

import httpx

from aijobs.adapters.network.retry_after import parsed_retry_after
from aijobs.domain.errors import AijobsError, HostUnreachable, LinkExpired, OutputRefused

#: object stores answer an expired link with any of these; Google's with 400 and the code ExpiredToken
EXPIRED: Final = frozenset({400, 401, 403, 404, 410})
TRANSIENT: Final = frozenset({408, 425, 429})
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

MAX_RETRY_AFTER: Final = timedelta(hours=1)  #: longer waits are cut to this

#: `aws-chunked` is how an object was uploaded; some stores still send it
_PLAIN: Final = frozenset({"", "identity", "aws-chunked"})


def check_response(response: httpx.Response) -> None:
    """Raises OutputRefused, LinkExpired or HostUnreachable unless the body is the output."""
    status = response.status_code
    if status != httpx.codes.OK:
        raise _error_for(status, response.headers.get("retry-after"))
    if response.headers.get("content-encoding", "").lower().strip() not in _PLAIN:
        raise OutputRefused("The output came compressed, although that was not asked for.")


def announced_length(response: httpx.Response) -> int | None:
    written = response.headers.get("content-length", "")
    return int(written) if written.isascii() and written.isdigit() else None


def _error_for(status: int, retry_after: str | None) -> AijobsError:
    if status in EXPIRED:
        return LinkExpired(f"The link does not work any more (HTTP {status}).")
    if status in TRANSIENT or status >= 500 or status < 300:
        wait = parsed_retry_after(retry_after, at_most=MAX_RETRY_AFTER)
        return HostUnreachable(f"The output cannot be fetched now (HTTP {status}).", retry_after=wait)
    return OutputRefused(f"The output cannot be fetched (HTTP {status}).")
