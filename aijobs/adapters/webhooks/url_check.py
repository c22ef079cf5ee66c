"""Which URLs webhooks may be sent to. Resolved addresses are checked by the SSRF guard when connecting."""

import re
from collections.abc import Sequence
from typing import Final

import httpx

from aijobs.adapters.network.host_patterns import HostPort, plain_host
from aijobs.adapters.network.public_addresses import is_public
from aijobs.domain.webhooks import MAX_URL_LENGTH

HTTPS_PORT: Final = 443

#: Names that end in a number are parsed as addresses by some programs (WHATWG URL, 3.5).
_NUMERIC: Final = re.compile(r"(.*\.)?(0x[0-9a-f]*|\d+)|.*:.*")


def webhook_url_error(url: str, trusted: Sequence[HostPort]) -> str | None:
    """The error message for an unusable URL; None when it can be used."""
    if len(url) > MAX_URL_LENGTH or not url.isprintable() or " " in url:
        return f"Must be a URL of at most {MAX_URL_LENGTH} characters, without spaces."
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        return "Must be a URL."
    if parsed.scheme not in {"http", "https"} or not host or parsed.port == 0:
        return "Must be an https URL."
    if parsed.userinfo:
        return "Must not carry a user name or a password."
    port = parsed.port or {"http": 80, "https": HTTPS_PORT}[parsed.scheme]
    if any(entry.covers(host, port) for entry in trusted):
        return None
    return _foreign_host_error(parsed.scheme, plain_host(host), port)


def _foreign_host_error(scheme: str, host: str, port: int) -> str | None:
    if scheme != "https" or port != HTTPS_PORT:
        return "Must be https on port 443; anything else is for hosts that the operator has listed."
    if host == "localhost" or host.endswith(".localhost") or (_NUMERIC.fullmatch(host) and not is_public(host)):
        return "Must not lead to a private address."
    return None
