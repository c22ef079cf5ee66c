"""Which addresses a download may use, for its first URL and for every redirect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from aijobs.adapters.network.host_patterns import HostPort, is_listed
from aijobs.domain.errors import OutputRefused

MAX_SHOWN: Final = 200

#: The same message for every refused address: it must not reveal what is there.
REFUSED: Final = "The link leads to where outputs may not come from."

_NO_URL: Final = (httpx.InvalidURL, UnicodeError)  #: the second for half of a UTF-16 pair


@dataclass(frozen=True)
class Hop:
    """One request of a download."""

    url: httpx.URL
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def first(cls, url: str, headers: Mapping[str, str]) -> "Hop":
        return cls(_parsed(url), headers)

    def next(self, location: str) -> "Hop":
        """The next request. The headers, which may hold a key, are sent to the same origin only."""
        try:
            url = self.url.join(location)
        except _NO_URL:
            raise OutputRefused("The redirect leads nowhere.") from None  # the cause would quote the link
        return Hop(url, self.headers if _origin(url) == _origin(self.url) else {})

    def __str__(self) -> str:
        return shown(self.url)


class RedirectChain:
    """The hosts that a download may use: the provider's, and those the operator allows."""

    def __init__(self, hosts: tuple[str, ...], allowed: Sequence[HostPort]) -> None:
        self._hosts = hosts
        self._allowed = allowed

    def check(self, hop: Hop) -> None:
        """Raises OutputRefused."""
        scheme, host, port = _origin(hop.url)
        if hop.url.userinfo:
            raise OutputRefused("The link carries a user name, which no output needs.")
        if scheme not in {"http", "https"}:
            raise OutputRefused(REFUSED)
        if any(entry.covers(host, port) for entry in self._allowed):
            return
        if scheme != "https":
            entry = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            raise OutputRefused(f"The link is not https: {hop} (AIJOBS_DOWNLOAD__ALLOW_HOSTS={entry} would allow it)")
        if not is_listed(host, self._hosts):
            raise OutputRefused(f"The provider's outputs do not come from {host}.")


def link_error(url: str, hosts: tuple[str, ...], allowed: Sequence[HostPort]) -> str | None:
    """Why an output's link would be refused before anything is asked; None for one that may be tried."""
    try:
        RedirectChain(hosts, allowed).check(Hop.first(url, {}))
    except OutputRefused as refused:
        return str(refused)
    return None


def shown(url: httpx.URL) -> str:
    """The URL without user, query and fragment, which may hold signatures and tokens."""
    return str(url.copy_with(userinfo=None, query=None, fragment=None))[:MAX_SHOWN]


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except _NO_URL:
        raise OutputRefused("The provider's link is none.") from None  # the cause would quote the link


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.raw_host.decode("ascii"), url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
