"""Who may be connected: so many at once, so many of one address, and always some places for health checks.

A connection that asks for nothing holds no place against one that may: when all are taken, whoever was idle longest
makes room, as nginx does with its idle connections. The order of who goes: those that have sent no whole request yet,
then those whose body is still to come. One that is being answered stays.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Final

RESERVED: Final = 100
"""Places beside all others, in which only health checks are answered."""

IPV6_PREFIX: Final = 64
"""One customer has at least so much of IPv6 (RFC 6177), and is one address here."""


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """How many: in all, where that is said, and of each address that is not one of the `proxies` which we trust."""

    in_all: int | None = None
    per_address: int = 256
    proxies: Collection[str] = ("127.0.0.0/8", "::1")
    reserved: int = RESERVED


class Doing(Enum):
    """What a connection does, in the order in which they make room."""

    WAITING = auto()  #: no request, or not all of its header
    RECEIVING = auto()  #: a request whose body is not all here
    BUSY = auto()  #: an answer is made or sent


@dataclass(eq=False)
class Seat:
    """A connection's place. `leave` is called to make it go."""

    address: str | None
    leave: Callable[[], None]
    is_reserved: bool = False
    is_left: bool = False
    doing: Doing = Doing.WAITING


@dataclass
class _Queue:
    """Seats that can make room, longest first."""

    seats: dict[Doing, OrderedDict[Seat, None]] = field(
        default_factory=lambda: {Doing.WAITING: OrderedDict(), Doing.RECEIVING: OrderedDict()}
    )

    def add(self, seat: Seat) -> None:
        if seat.doing in self.seats:
            self.seats[seat.doing][seat] = None

    def remove(self, seat: Seat) -> None:
        if seat.doing in self.seats:
            self.seats[seat.doing].pop(seat, None)

    def first(self) -> Seat | None:
        return next((next(iter(waiting)) for waiting in self.seats.values() if waiting), None)


@dataclass
class _Group:
    """The seats of one address, or all seats."""

    limit: int
    count: int = 0
    queue: _Queue = field(default_factory=_Queue)

    def make_room(self, connections: "Connections") -> bool:
        if self.count < self.limit:
            return True
        longest = self.queue.first()
        if longest is not None:
            connections.give_up(longest)
        return self.count < self.limit


class Connections:
    """Of one server, which takes so many `in_all` of those that are not reserved."""

    def __init__(self, limits: ConnectionLimits, *, in_all: int) -> None:
        self._all = _Group(in_all)
        self._reserved = _Group(limits.reserved)
        self._per_address = limits.per_address
        self._of_address: dict[str, _Group] = {}
        self._proxies = [ipaddress.ip_network(proxy) for proxy in limits.proxies]

    def __len__(self) -> int:
        return self._all.count + self._reserved.count

    def enter(self, address: str, leave: Callable[[], None]) -> Seat | None:
        """A place for a new connection, if need be at the cost of an idle one; none when nobody can make room."""
        seat = Seat(None if self._is_proxy(address) else network_of(address), leave)
        if not self._has_room(seat):
            if not self._reserved.make_room(self):
                return None
            seat.is_reserved = True
        self._count(seat)
        return seat

    def becomes(self, seat: Seat, doing: Doing) -> None:
        """A reserved place becomes an ordinary one as soon as there is one. Who has left does nothing."""
        if seat.is_left or seat.doing is doing:
            return
        if seat.is_reserved and self._has_room(seat):
            self._uncount(seat)
            seat.is_reserved = False
            self._count(seat)
        groups = self._groups(seat)
        for group in groups:
            group.queue.remove(seat)
        seat.doing = doing
        for group in groups:
            group.queue.add(seat)

    def exit(self, seat: Seat) -> None:
        """It has gone. Once is enough."""
        if not seat.is_left:
            seat.is_left = True
            self._uncount(seat)

    def give_up(self, seat: Seat) -> None:
        """Make it go, so that another one may come."""
        self.exit(seat)
        seat.leave()

    def _has_room(self, seat: Seat) -> bool:
        own = self._of_address.get(seat.address) if seat.address is not None else None
        return (own is None or own.make_room(self)) and self._all.make_room(self)

    def _count(self, seat: Seat) -> None:
        if seat.address is not None and not seat.is_reserved:
            self._of_address.setdefault(seat.address, _Group(self._per_address))
        for group in self._groups(seat):
            group.count += 1
            group.queue.add(seat)

    def _uncount(self, seat: Seat) -> None:
        for group in self._groups(seat):
            group.queue.remove(seat)
            group.count -= 1
        if seat.address in self._of_address and not self._of_address[seat.address].count:
            del self._of_address[seat.address]

    def _groups(self, seat: Seat) -> list[_Group]:
        if seat.is_reserved:
            return [self._reserved]
        return [self._all] if seat.address is None else [self._all, self._of_address[seat.address]]

    def _is_proxy(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is None or any(parsed in network for network in self._proxies)


@lru_cache(maxsize=1000)
def network_of(address: str) -> str:
    """Under which name a client's address is counted."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed) if parsed else address


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IPv4 address that is written as one of IPv6 is an IPv4 address; a local socket has none."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
