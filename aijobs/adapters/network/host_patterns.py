"""Host patterns as operators and providers list them, and the check of a host against them."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

DEFAULT_PORTS: Final = frozenset({80, 443})

_HOST_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class HostPort:
    """A host that the operator trusts: with one port, or (None) with ports 80 and 443."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "HostPort":
        """`host`, `host:port`, `127.0.0.1:8000`, `[::1]:8000`. Raises ValueError."""
        found = _HOST_PORT.fullmatch(text.strip())
        port = int(found["port"]) if found and found["port"] else None
        if found is None or port == 0 or (port or 0) > 65535:
            raise ValueError(f"{text!r} is neither host nor host:port")
        return cls(plain_host(found["host"]), port)

    def covers(self, host: str, port: int) -> bool:
        ports = DEFAULT_PORTS if self.port is None else {self.port}
        return self.host == plain_host(host) and port in ports


def plain_host(host: str) -> str:
    """The normalized form: lower case, no brackets, no trailing dot."""
    return host.lower().strip("[]").rstrip(".")


def is_listed(host: str, listed: tuple[str, ...]) -> bool:
    """`*.example.com` covers the domain and everything below it; any other entry covers only that host."""
    host = plain_host(host)
    return any(_covers(plain_host(entry), host) for entry in listed)


def _covers(entry: str, host: str) -> bool:
    if entry.startswith("*."):
        return host == entry[2:] or host.endswith(entry[1:])
    return host == entry


def listed(text: object) -> object:
    """Parse `a:1, b` or a JSON list, as in environment variables."""
    if not isinstance(text, str):
        return text
    if text.lstrip().startswith("["):
        return json.loads(text)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _check_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for text in hosts:
        HostPort.parse(text)
    return hosts


#: A setting: hosts that the operator trusts although their addresses are private, `host` (ports 80 and 443) or
#: `host:port`.
HostList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_check_hosts)]
