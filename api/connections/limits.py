"""Limits on open connections: in all, per client address, and a reserve for health checks.

When a limit is reached, a new connection takes the slot of the one that was idle longest, as nginx does with its idle
connections. The order of eviction: connections without a complete request header, then those whose body is incomplete.
A connection that is being answered is never evicted.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Final

RESERVED: Final = 100
"""Additional slots, in which only health checks are answered."""

IPV6_PREFIX: Final = 64
"""A customer gets at least a network of this size (RFC 6177), so it counts as one address."""


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """The most connections: `in_all`, and `per_address` for each address that is not a trusted proxy's."""

    in_all: int | None = None
    per_address: int = 256
    proxies: Collection[str] = ("127.0.0.0/8", "::1")
    reserved: int = RESERVED


class ConnectionState(Enum):
    """What a connection is doing, in the order of eviction."""

    WAITING = auto()  #: for a request, or for the rest of its header
    RECEIVING = auto()  #: a request's body, which is incomplete
    BUSY = auto()  #: a response is made or sent


@dataclass(eq=False)
class Slot:
    """A connection's place within the limits. `close` is called to evict it. `address` is None for a trusted proxy."""

    address: str | None
    close: Callable[[], None]
    is_reserved: bool = False
    is_closed: bool = False
    state: ConnectionState = ConnectionState.WAITING


@dataclass
class _Queue:
    """Slots that can be evicted, the longest idle first."""

    slots: dict[ConnectionState, OrderedDict[Slot, None]] = field(
        default_factory=lambda: {ConnectionState.WAITING: OrderedDict(), ConnectionState.RECEIVING: OrderedDict()}
    )

    def add(self, slot: Slot) -> None:
        if slot.state in self.slots:
            self.slots[slot.state][slot] = None

    def remove(self, slot: Slot) -> None:
        if slot.state in self.slots:
            self.slots[slot.state].pop(slot, None)

    def first(self) -> Slot | None:
        return next((next(iter(idle)) for idle in self.slots.values() if idle), None)


@dataclass
class _Group:
    """The slots of one address, or all slots."""

    limit: int
    count: int = 0
    queue: _Queue = field(default_factory=_Queue)

    def make_room(self, connections: "Connections") -> bool:
        """Evicts a slot when the group is full. Returns whether one more may be added."""
        if self.count < self.limit:
            return True
        longest_idle = self.queue.first()
        if longest_idle is not None:
            connections.evict(longest_idle)
        return self.count < self.limit


class Connections:
    """The connections of one server: at most `in_all`, and the reserved ones."""

    def __init__(self, limits: ConnectionLimits, *, in_all: int) -> None:
        self._all = _Group(in_all)
        self._reserved = _Group(limits.reserved)
        self._per_address = limits.per_address
        self._of_address: dict[str, _Group] = {}
        self._proxies = [ipaddress.ip_network(proxy) for proxy in limits.proxies]

    def __len__(self) -> int:
        return self._all.count + self._reserved.count

    def acquire(self, address: str, close: Callable[[], None]) -> Slot | None:
        """A slot for a new connection, if need be an idle one's. None when no connection can be evicted."""
        slot = Slot(None if self._is_proxy(address) else network_of(address), close)
        if not self._has_room(slot):
            if not self._reserved.make_room(self):
                return None
            slot.is_reserved = True
        self._count(slot)
        return slot

    def set_state(self, slot: Slot, state: ConnectionState) -> None:
        """A reserved slot becomes an ordinary one as soon as there is one. Does nothing for a closed connection."""
        if slot.is_closed or slot.state is state:
            return
        if slot.is_reserved and self._has_room(slot):
            self._uncount(slot)
            slot.is_reserved = False
            self._count(slot)
        groups = self._groups(slot)
        for group in groups:
            group.queue.remove(slot)
        slot.state = state
        for group in groups:
            group.queue.add(slot)

    def release(self, slot: Slot) -> None:
        """The connection is closed. A second call does nothing."""
        if not slot.is_closed:
            slot.is_closed = True
            self._uncount(slot)
            slot.close = _nothing  # a reference to the connection, which refers to the slot

    def evict(self, slot: Slot) -> None:
        """Close the connection, so that another one gets its slot."""
        close = slot.close
        self.release(slot)
        close()

    def _has_room(self, slot: Slot) -> bool:
        own = self._of_address.get(slot.address) if slot.address is not None else None
        return (own is None or own.make_room(self)) and self._all.make_room(self)

    def _count(self, slot: Slot) -> None:
        if slot.address is not None and not slot.is_reserved:
            self._of_address.setdefault(slot.address, _Group(self._per_address))
        for group in self._groups(slot):
            group.count += 1
            group.queue.add(slot)

    def _uncount(self, slot: Slot) -> None:
        for group in self._groups(slot):
            group.queue.remove(slot)
            group.count -= 1
        if slot.address in self._of_address and not self._of_address[slot.address].count:
            del self._of_address[slot.address]

    def _groups(self, slot: Slot) -> list[_Group]:
        if slot.is_reserved:
            return [self._reserved]
        return [self._all] if slot.address is None else [self._all, self._of_address[slot.address]]

    def _is_proxy(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is None or any(parsed in network for network in self._proxies)


def _nothing() -> None:
    """Closes what is closed."""


@lru_cache(maxsize=1000)
def network_of(address: str) -> str:
    """The name under which a client's address is counted: its network for IPv6."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed) if parsed else address


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IPv4-mapped IPv6 address as IPv4; None for what is not an IP address, such as a local socket."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
