"""Which hosts a request may be for: others' names for us are not answered, whatever a page or a proxy makes of them."""

import ipaddress
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

ANY: Final = "*"

WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared only
"""Who listens on every address, and has no name, is asked by one of its addresses: no page is found under a number."""

#: RFC 9110, section 7.2: a name or an address, and a port, which proxies and port mappings change.
_HOST: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


def host_in(header: str) -> str | None:
    """The host's name in small letters, or its address; nothing when the header is not decent."""
    found = _HOST.fullmatch(header)
    return found["host"].strip("[]").rstrip(".").lower() or None if found else None


class AllowedHosts:
    """Ours by `base_url` and by loopback's names, and those that an operator lists.

    `*.example.com` stands for the domain and every name below it, `*` for everything.
    """

    def __init__(self, base_url: str, listed: Collection[str] = ()) -> None:
        own = urlsplit(base_url).hostname or ""
        self._hosts = {host.lower() for host in listed} | LOOPBACK | {own}
        self._below = tuple(host[1:] for host in self._hosts if host.startswith("*."))
        self._any_address = own in WILDCARDS

    def has(self, host: str) -> bool:
        """Whether a request for it is one for us."""
        if host in self._hosts or ANY in self._hosts or f".{host}".endswith(self._below):
            return True
        return self._any_address and _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
