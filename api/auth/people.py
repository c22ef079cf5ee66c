"""People whom a proxy has signed in: who they are, by headers that only this proxy may send."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from starlette.requests import HTTPConnection

from aijobs.domain.errors import NotAllowed, NotAuthenticated
from aijobs.domain.values.scopes import AccessRole
from aijobs.process_settings import HeaderFamily, SignInSettings
from api.connections.peer_address import peer_of

MAX_LENGTH: Final = 200

NAMES: Final = {HeaderFamily.FORWARDED: "X-Forwarded", HeaderFamily.AUTH_REQUEST: "X-Auth-Request"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """`name` is the e-mail address where the proxy tells one, else the user's name there."""

    name: str
    role: AccessRole


def person_of(connection: HTTPConnection, settings: SignInSettings) -> Person | None:
    """Whom the proxy says that this request comes from. None without such a proxy, and from any other address.

    Raises NotAuthenticated for headers that cannot be read, NotAllowed for somebody who has no role.
    """
    if not _comes_from(connection, settings.proxies):
        return None
    prefix = NAMES[settings.headers]
    user, email = (_single(connection, f"{prefix}-{header}") for header in ("User", "Email"))
    name = email or user
    if name is None:
        return None
    groups = ",".join(_texts(connection, f"{prefix}-Groups")).split(",")
    role = settings.role_of(email, frozenset(group.strip() for group in groups if group.strip()))
    if role is None:
        raise NotAllowed(f"{name} has no role here. Somebody must be named in AIJOBS_API__SIGN_IN__….")
    return Person(name=name, role=role)


def vouched_person(connection: HTTPConnection, settings: SignInSettings, name: str) -> Person:
    """Somebody who has signed in before, with the role that they have now.

    Raises NotAuthenticated when the proxy does not vouch for this person at this request, NotAllowed without a role.
    """
    person = person_of(connection, settings)
    if person is None or person.name != name:
        raise NotAuthenticated("This is somebody's whom a proxy knows, and the request does not come by it.")
    return person


def _comes_from(connection: HTTPConnection, proxies: tuple[str, ...]) -> bool:
    """Whether the connection itself is a proxy's, whatever it says of other addresses."""
    peer = peer_of(connection)
    if peer is None or not proxies:
        return False
    address = ip_address(peer.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ip_network(proxy) for proxy in proxies)


def _single(connection: HTTPConnection, header: str) -> str | None:
    """Raises NotAuthenticated for a header that is sent twice: two parties would each read another."""
    match _texts(connection, header):
        case []:
            return None
        case [text]:
            if not text.isprintable() or len(text) > MAX_LENGTH:
                raise NotAuthenticated(f"The header {header} of the proxy cannot be read.")
            lowered = text.strip().lower() if header.endswith("Email") else text.strip()
            return lowered or None
    raise NotAuthenticated(f"The proxy has sent the header {header} twice.")


def _texts(connection: HTTPConnection, header: str) -> list[str]:
    try:
        return [value.encode("latin-1").decode("utf-8") for value in connection.headers.getlist(header)]
    except UnicodeDecodeError as undecodable:
        raise NotAuthenticated(f"The header {header} of the proxy is not UTF-8.") from undecodable
