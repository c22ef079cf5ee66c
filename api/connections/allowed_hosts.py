"""The hosts that a request may be for. Others are refused, as a defence against DNS rebinding."""

import ipaddress
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

ANY: Final = "*"

WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared only
"""With such a `base_url`, a request for any IP address is one for us: DNS rebinding needs a name."""

#: RFC 9110, section 7.2. The port is ignored: proxies and port mappings change it.
_HOST: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


def host_in(header: str) -> str | None:
    """The host's name in lower case, or its address. None when the header is malformed."""
    match = _HOST.fullmatch(header)
    return match["host"].strip("[]").rstrip(".").lower() or None if match else None


class AllowedHosts:
    """The host of `base_url`, the names of loopback, and the hosts that an operator lists.

    `*.example.com` stands for the domain and every name below it, `*` for everything.
    """

    def __init__(self, base_url: str, listed: Collection[str] = ()) -> None:
        own = urlsplit(base_url).hostname or ""
        self._hosts = {host.lower() for host in listed} | LOOPBACK | {own}
        self._below = tuple(host[1:] for host in self._hosts if host.startswith("*."))
        self._any_address = own in WILDCARDS

    def has(self, host: str) -> bool:
        """Whether requests for this host are accepted."""
        if host in self._hosts or ANY in self._hosts or f".{host}".endswith(self._below):
            return True
        return self._any_address and _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
